"""Notebook 01."""

SEEDED: dict[str, list[tuple[str, str, str]]] = {
    "check_kl": [
        ("each.sum(1).mean()", "each.mean()", "average over them"),
        ("each.sum(1).mean()", "each.sum()", "add up the codes of a batch"),
        ("each.sum(1).mean()", "each.sum(1)", "one value for each code"),
        ("each.sum(1).mean()", "-each.sum(1).mean()", "never below 0"),
        ("0.5 * ", "", "half"),
        ("- 1 - log_var", "- 1 + log_var", "sign of the logarithm"),
        ("- 1 - log_var", "- log_var", "-1 is missing"),
        ("log_var.exp()", "log_var.exp() ** 2", "exp(log_var)"),
    ],
    "check_pixel_noise": [
        ("(1 / 2) ** 0.5", "1 / 2", "variance"),
        ("(1 / 2) ** 0.5", "2**0.5", "half of beta"),
        ("(1 / 2) ** 0.5", "1", "before you take the root"),
        ("(1 / 2) ** 0.5", "2", "s is asked for"),
    ],
    "check_loss": [
        (".flatten(1).sum(1)", ".flatten(1).mean(1)", "averaged over the pixels"),
        (".mean()", ".sum()", "Average over them"),
        ("error + beta", "error - beta", "is added"),
        ("error + beta * kl", "beta * error + kl", "beta weighs the KL"),
        ("beta * kl", "kl", "not used"),
        (".square()", ".abs()", "not squared"),
    ],
    "check_draw": [
        ("(log_var / 2).exp()", "log_var.exp()", "square root"),
        ("(log_var / 2).exp()", "log_var", "through exp"),
        ("torch.randn", "torch.rand", "uniform"),
        ("torch.randn(mu.shape)", "torch.randn(())", "same noise"),
        ("return mu", "return mu.detach()", "gradient"),
        (
            "return mu + (log_var / 2).exp() * noise",
            "return torch.normal(mu, (log_var / 2).exp()).detach()",
            "gradient",
        ),
    ],
    "check_score_estimates": [
        ("(f - f.mean())", "f", "baseline"),
        ("z - mu ", "mu - z ", "not mu - z"),
        ("* slope", "* z", "z itself"),
        (
            "return (f - f.mean())[:, None] * slope",
            "return ((f - f.mean())[:, None] * slope).mean(0)",
            "one for each draw",
        ),
        ("f - f.mean()", "f + f.mean()", "Take it away"),
    ],
    "check_round_walk": [
        (
            "(torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)",
            "(1 - t) * a + t * b",
            "straight",
        ),
        (
            "torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b",
            "torch.sin((1 - t) * angle) * b + torch.sin(t * angle) * a",
            "backwards",
        ),
        (" / torch.sin(angle)", "", "division"),
        (
            "(torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)",
            "(1 - t) * torch.sin(angle) * a + t * torch.sin(angle) * b",
            "shares",
        ),
    ],
    "check_unused": [
        ("< 0.01", ">= 0.01", "used"),
        ("nats.mean(0)", "nats.mean(1)", "dim 0"),
        ("nats.mean(0)", "nats.sum(0)", "average"),
        ("mu**2 + log_var.exp() - 1 - log_var", "mu**2", "spread"),
        (").sum()", ").double().mean()", "share"),
    ],
    "check_bound": [
        ("log_w.logsumexp(0) - log(k)", "log_w.mean(0)", "ELBO"),
        (" - log(k)", "", "divide by k"),
        ("(log_w.logsumexp(0) - log(k))", "log_w.exp().mean(0).log()", "logsumexp"),
        ("logsumexp(0)", "logsumexp(1)", "dim 0"),
        (".mean()", ".sum()", "average over them"),
    ],
}
