import pytest

from genlab.data import class_names, load_dataset


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_names_are_those_of_the_data_set(name: str, real_data: object) -> None:
    assert class_names(name) == load_dataset(name, "test", real_data).class_names  # type: ignore[arg-type]


def test_digits_too_and_ones_own_data_has_none_beforehand() -> None:
    assert class_names("digits") == load_dataset("digits").class_names
    assert class_names("./shapes") == ()
