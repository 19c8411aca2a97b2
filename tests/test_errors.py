from genlab.errors import GenlabError, did_you_mean


def test_a_near_name_is_offered_and_else_all_of_them() -> None:
    assert did_you_mean("difusion", ["vae", "gan", "diffusion"]) == "did you mean 'diffusion'?"
    assert did_you_mean("ganx", ["vae", "gan", "gan2"]) == "did you mean 'gan' or 'gan2'?"
    assert did_you_mean("zzz", iter(["vae", "gan"])) == "choose from vae, gan"


def test_it_is_a_value_error() -> None:
    assert issubclass(GenlabError, ValueError)
