"""Schedules and samplers of diffusion against diffusers, state by state.

    python -m tests.oracles.diffusion

A row per schedule, sampler and spacing, a column per step count; a cell is the largest difference that
any pixel has from the oracle's, in any state of the walk, both in float64. Then the same in float32, in
which a walk rounds a thousand times and Heun may divide by a sigma of 1 / T; and what has no such
column: the schedules, DDIM with eta 1 and DDPM, the image that an oracle knows. Exit status 1 if
anything in float64, or of these, is off by more than 1e-5. It takes some minutes.

What the oracles are given: our own curve in float64, as diffusers computes its own in float32, which a
thousand steps add up; and our jumps, as its DDIMScheduler takes t - T // N for the next timestep, which
it is not where N does not divide T. Where it clips images so do we; elsewhere neither does.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise, product
from typing import Any, get_args

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from torch import Tensor

from genlab.diffusion.samplers import (
    Denoiser,
    Pairs,
    SamplerStep,
    as_denoiser,
    ddim,
    ddpm,
    dpm_solver_pp,
    euler,
    heun,
    unipc,
)
from genlab.diffusion.schedule import (
    NoiseSchedule,
    PredictionType,
    ScheduleName,
    Spacing,
    make_schedule,
    timestep_pairs,
)

TOLERANCE = 1e-5
T = 1000
COUNTS = (1, 2, 7, 10, 50, 61, 999, 1000)
SPACINGS: tuple[Spacing, ...] = ("trailing", "leading", "linspace")
SCHEDULES = {name: make_schedule(name, T) for name in get_args(ScheduleName)} | {
    "linear, zero SNR": make_schedule("linear", T, zero_terminal_snr=True),
    "cosine, zero SNR": make_schedule("cosine", T, zero_terminal_snr=True),
}
DETERMINISTIC: tuple[Callable[..., Iterator[SamplerStep]], ...] = (
    ddim,
    dpm_solver_pp,
    unipc,
    euler,
    heun,
)
FLOW = (FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler)
SEED = 5  # of the noise that ddpm adds


def noise_of(seed: int, n: int = 2) -> Tensor:
    """Standard normal, (n, 1, 4, 4)."""
    return torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def made_up(x: Tensor, t: Tensor | int) -> Tensor:
    """A network that depends on both of its inputs, smoothly and boundedly; it answers in float32."""
    time = torch.as_tensor(t, dtype=torch.float64).reshape(-1, 1, 1, 1)
    return (torch.tanh(x.flip(-1)) + 0.3 * torch.cos(time / 100)).float()


def exact(x: Tensor, t: int) -> Tensor:
    """A denoiser in float64 that says the same."""
    return made_up(x, t).double()


def seeded() -> torch.Generator:
    """The noise that both walks get."""
    return torch.Generator().manual_seed(SEED)


# --- what the others do: every state x, the first and the finished one included ------------------


def diffusers_ddim(schedule: NoiseSchedule, x: Tensor, pairs: Pairs, eta: float = 0.0) -> Iterator[Tensor]:
    """Told that N is the fraction T / (t - t_prev), it takes the step that is meant."""
    kind = "epsilon" if schedule.alpha[-1] > 0 else "v_prediction"
    scheduler: Any = DDIMScheduler(T, clip_sample=True, prediction_type=kind)
    scheduler.alphas_cumprod = schedule.alphas_cumprod
    generator = seeded()
    yield x
    for t, t_prev in pairs:
        scheduler.num_inference_steps = Fraction(T, t - t_prev)
        noise = torch.randn(x.shape, generator=generator).double() if eta > 0 and t_prev >= 0 else 0 * x
        answer = exact(x, t)
        step = scheduler.step(answer, t, x, eta=eta, use_clipped_model_output=True, variance_noise=noise)
        x = step.prev_sample
        yield x


def diffusers_ddpm(schedule: NoiseSchedule, x: Tensor, pairs: Pairs) -> Iterator[Tensor]:
    """It draws its noise in the type of the answer, float32, and rounds it once more: 1e-7 a step."""
    kind = "epsilon" if schedule.alpha[-1] > 0 else "v_prediction"
    scheduler: Any = DDPMScheduler(T, variance_type="fixed_small", clip_sample=True, prediction_type=kind)
    scheduler.alphas_cumprod, scheduler.one = schedule.alphas_cumprod, torch.ones((), dtype=torch.float64)
    scheduler.set_timesteps(timesteps=[t for t, _ in pairs])
    generator = seeded()
    yield x
    for t, _ in pairs:
        x = scheduler.step(made_up(x, t), t, x, generator=generator).prev_sample
        yield x


def two_gaussians(schedule: NoiseSchedule, x: Tensor, pairs: Pairs) -> Iterator[Tensor]:
    """DDPM where alpha² + sigma² is not 1, which diffusers has not, in numpy.

    Of x_prev two things are known: how x_start was noised to it, and how it was noised further to x_t.
    The product of the two normal densities is its posterior.
    """
    state, generator = x.numpy(), seeded()
    yield x
    for t, t_prev in pairs:
        a, b = float(schedule.alpha[t]), float(schedule.sigma[t])
        x_start = state - b * made_up(torch.from_numpy(state), t).double().numpy()  # a flow: a + b is 1
        if t_prev < 0:
            state = x_start
        else:
            a_prev, b_prev = float(schedule.alpha[t_prev]), float(schedule.sigma[t_prev])
            further = a / a_prev
            precision = np.array([1 / b_prev**2, further**2 / (b**2 - (further * b_prev) ** 2)])
            of_image = a_prev * x_start * precision[0]
            of_state = state * further / (b**2 - (further * b_prev) ** 2)
            noise = torch.randn(x.shape, generator=generator).double().numpy()
            state = (of_image + of_state) / precision.sum() + noise / precision.sum() ** 0.5
        yield torch.from_numpy(state)


_Multistep: Any = DPMSolverMultistepScheduler  # it has no types
_UniPC: Any = UniPCMultistepScheduler


def without_infinity(theirs: Callable[[Any, Tensor], tuple[Tensor, Tensor]]) -> Any:
    """Alpha and sigma of sigma / alpha, infinite where nothing is left of the image."""

    def alpha_and_sigma(self: Any, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return (torch.zeros_like(sigma), torch.ones_like(sigma)) if sigma.isinf() else theirs(self, sigma)

    return alpha_and_sigma


class Multistep(_Multistep):
    """Theirs rounds the state to float32 at every step; here it is handed to the update as it is.

    And at zero terminal SNR it has infinity times 0, which it avoids by another schedule: 2^-24 for 0.
    """

    state: Tensor

    def dpm_solver_first_order_update(self, *outputs: Any, **options: Any) -> Any:
        """Theirs."""
        return super().dpm_solver_first_order_update(*outputs, **options | {"sample": self.state})

    def multistep_dpm_solver_second_order_update(self, *outputs: Any, **options: Any) -> Any:
        """Theirs."""
        return super().multistep_dpm_solver_second_order_update(*outputs, **options | {"sample": self.state})

    _sigma_to_alpha_sigma_t = without_infinity(_Multistep._sigma_to_alpha_sigma_t)


class UniPC(_UniPC):
    """Theirs corrects with the order of the predictor, 2; here with 1."""

    def multistep_uni_c_bh_update(self, **options: Any) -> Any:
        """Theirs."""
        return super().multistep_uni_c_bh_update(**options | {"order": 1})

    _sigma_to_alpha_sigma_t = without_infinity(_UniPC._sigma_to_alpha_sigma_t)


def diffusers_multistep(schedule: NoiseSchedule, x: Tensor, pairs: Pairs, order: int) -> Iterator[Tensor]:
    """Of order 1 it is DDIM."""
    kind = partial(Multistep, algorithm_type="dpmsolver++", solver_type="midpoint", final_sigmas_type="zero")
    return _multistep(kind, schedule, x, pairs, order)


def diffusers_unipc(schedule: NoiseSchedule, x: Tensor, pairs: Pairs) -> Iterator[Tensor]:
    """Of the two B(h), e^h - 1."""
    return _multistep(partial(UniPC, solver_type="bh2"), schedule, x, pairs, 2)


def _multistep(
    kind: Callable[..., Any], schedule: NoiseSchedule, x: Tensor, pairs: Pairs, order: int
) -> Iterator[Tensor]:
    straight = is_straight(schedule)
    scheduler = kind(
        T,
        solver_order=order,
        lower_order_final=True,
        prediction_type="flow_prediction" if straight else "v_prediction",
        use_flow_sigmas=straight,
    )
    times = [t for t, _ in pairs]
    # With flow sigmas it stumbles over timesteps that it is given, so that both are put in by hand.
    scheduler.set_timesteps(len(times))
    sigmas = schedule.sigma if straight else schedule.sigma / schedule.alpha
    scheduler.sigmas = torch.cat([sigmas[times], torch.zeros(1, dtype=torch.float64)])
    scheduler.timesteps = torch.tensor(times)
    yield x
    for t in times:
        scheduler.state = x
        x = scheduler.step(exact(x, t), t, x).prev_sample
        yield x


def flow_match(kind: type, schedule: NoiseSchedule, x: Tensor, pairs: Pairs) -> Iterator[Tensor]:
    """On the straight path, which any schedule is after division by alpha + sigma.

    They add to a state, which they round to float32 first: they get 0, and the sum is made here.
    """
    length = torch.cat([schedule.alpha + schedule.sigma, torch.ones(1, dtype=torch.float64)])
    sigma = torch.cat([schedule.sigma, torch.zeros(1, dtype=torch.float64)]) / length
    scheduler: Any = kind(T)
    looks = 1 + FLOW.index(kind)
    times = [t for t, _ in pairs for _ in range(looks)][
        looks - 1 :
    ]  # Heun comes to each twice, but the first
    scheduler.set_timesteps(len(pairs))
    scheduler.sigmas = sigma[[*times, -1]]
    scheduler.set_begin_index(0)
    yield x
    here = x / length[times[0]]
    for step, (t, t_prev) in enumerate(pairwise([*times, -1])):
        there = here + scheduler.step(exact(x, t), float(t), torch.zeros_like(x)).prev_sample
        x = there * length[t_prev]
        if looks == 1 or step % 2 == 1 or t_prev < 0:
            here = there
            yield x


def is_straight(schedule: NoiseSchedule) -> bool:
    """Flow matching's, not a diffusion's."""
    return bool(torch.allclose(schedule.alpha + schedule.sigma, torch.ones((), dtype=torch.float64)))


# --- ours beside them --------------------------------------------------------------------------


@dataclass(frozen=True)
class Oracle:
    """One sampler of ours and who else can do it.

    Attributes:
        sampler: ours.
        name: of the oracle.
        walk: its states: (schedule, x, pairs).
        kind: what the network says there: (schedule).
        clip: whether predicted images are kept in [-1, 1].
        knows: whether it can walk on a schedule.
    """

    sampler: Callable[..., Iterator[SamplerStep]]
    name: str
    walk: Callable[[NoiseSchedule, Tensor, Pairs], Iterator[Tensor]]
    kind: Callable[[NoiseSchedule], PredictionType]
    clip: bool
    knows: Callable[[NoiseSchedule], bool] = lambda _: True


def _noise_or_v(schedule: NoiseSchedule) -> PredictionType:
    return "epsilon" if schedule.alpha[-1] > 0 else "v_prediction"


def _velocity(schedule: NoiseSchedule) -> PredictionType:
    return "flow_prediction" if is_straight(schedule) else "v_prediction"


def _flow(_: NoiseSchedule) -> PredictionType:
    return "flow_prediction"


def _curved(schedule: NoiseSchedule) -> bool:
    return not is_straight(schedule)


DPM = "DPMSolverMultistepScheduler, order"
ORACLES = (
    Oracle(ddim, "DDIMScheduler.step", diffusers_ddim, _noise_or_v, True, _curved),
    Oracle(ddim, f"{DPM} 1", partial(diffusers_multistep, order=1), _velocity, False),
    Oracle(ddpm, "DDPMScheduler, fixed_small", diffusers_ddpm, _noise_or_v, True, _curved),
    Oracle(ddpm, "two Gaussians' product: no class has it", two_gaussians, _flow, False, is_straight),
    Oracle(dpm_solver_pp, f"{DPM} 2", partial(diffusers_multistep, order=2), _velocity, False),
    Oracle(unipc, "UniPCMultistepScheduler", diffusers_unipc, _velocity, False),
    Oracle(euler, FLOW[0].__name__, partial(flow_match, FLOW[0]), _flow, False),
    Oracle(heun, FLOW[1].__name__, partial(flow_match, FLOW[1]), _flow, False),
)


def ours(oracle: Oracle, schedule: NoiseSchedule, x: Tensor, pairs: Pairs) -> list[SamplerStep]:
    """Our walk, in the precision of x."""
    denoise = as_denoiser(made_up, schedule, oracle.kind(schedule), clip_sample=oracle.clip)
    options = {"generator": seeded()} if oracle.sampler is ddpm else {}
    return list(oracle.sampler(denoise, x, schedule, pairs, **options))


def differences(
    oracle: Oracle, schedule: NoiseSchedule, spacing: Spacing, n: int, precisions: tuple[torch.dtype, ...]
) -> list[float]:
    """The largest between any two states of the two walks from the same noise, for each precision of ours."""
    x, pairs = noise_of(0), timestep_pairs(T, n, spacing)
    theirs = torch.stack(list(oracle.walk(schedule, x.double(), pairs)))
    found = []
    for precision in precisions:
        states = torch.stack([state.x for state in ours(oracle, schedule, x.to(precision), pairs)])
        found.append((states.double() - theirs).abs().max().item())
    return found


# --- what needs no other library ---------------------------------------------------------------


def knowing(schedule: NoiseSchedule, x_start: Tensor, kind: PredictionType) -> Denoiser:
    """An oracle: a network that says what it should, given that every x_t was made from x_start."""

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return schedule.target(x_start, schedule.pred_noise(x, x_start, t), t, kind)

    return as_denoiser(predict, schedule, kind, clip_sample=False)


def kinds_of(schedule: NoiseSchedule) -> tuple[PredictionType, ...]:
    """What a network may be asked for: the noise only if something of the image is always left."""
    kinds: tuple[PredictionType, ...] = get_args(PredictionType)
    return kinds if schedule.alpha[-1] > 0 else kinds[1:]


def lost(
    sampler: Callable[..., Iterator[SamplerStep]],
    schedule: NoiseSchedule,
    kind: PredictionType,
    pairs: Pairs,
) -> float:
    """How far the image that an oracle knows is from the one at the end of the walk.

    An oracle of the noise is given room for what float32 cannot hold: x_t is all noise but for
    alpha x_start, so that the image in it is known to eps / alpha at the start of the last jump.
    """
    x_start = noise_of(0).clamp(-1, 1)
    x = schedule.add_noise(x_start, noise_of(1), pairs[0][0])
    *_, last = sampler(knowing(schedule, x_start, kind), x, schedule, pairs)
    off = (last.x - x_start).abs().max().item()
    if kind != "epsilon":
        return off
    room = 2 * torch.finfo(torch.float32).eps * x.abs().max().item() / schedule.at(pairs[-1][0])[0]
    return max(0.0, off - room)


def ddim_with_eta_1_and_ddpm(schedule: NoiseSchedule, spacing: Spacing, n: int) -> float:
    """The largest difference between any two of their states, given the same noise, in float64."""
    pairs, x = timestep_pairs(T, n, spacing), noise_of(0).double()
    one = ddim(exact, x, schedule, pairs, eta=1.0, generator=seeded())
    two = ddpm(exact, x, schedule, pairs, generator=seeded())
    return max((a.x - b.x).abs().max().item() for a, b in zip(one, two, strict=True))


def schedules_and_oracles() -> Iterator[tuple[str, str, Tensor, Tensor]]:
    """Name, the oracle's name, our curve and the oracle's: sqrt(alpha-bar), or sigma of the straight one.

    What diffusers calls sigmoid is another curve: betas that rise like a sigmoid (GeoDiff), where here
    alpha-bar falls like one.
    """
    from denoising_diffusion_pytorch.denoising_diffusion_pytorch import (
        sigmoid_beta_schedule,
    )

    def kept(betas: Tensor) -> Tensor:
        return torch.cumprod(1 - betas, dim=0).sqrt().double()

    for ours, theirs in (("linear", "linear"), ("cosine", "squaredcos_cap_v2")):
        scheduler: Any = DDPMScheduler(T, beta_schedule=theirs)
        yield ours, f"DDPMScheduler, {theirs}", SCHEDULES[ours].alpha, kept(scheduler.betas)
        rescaled = kept(rescale_zero_terminal_snr(SCHEDULES[ours].betas))
        name = f"{ours}, zero SNR"
        yield name, "diffusers' rescale_zero_terminal_snr", SCHEDULES[name].alpha, rescaled
    other = kept(sigmoid_beta_schedule(T))
    yield "sigmoid", "denoising_diffusion_pytorch", SCHEDULES["sigmoid"].alpha, other
    flow: Any = FlowMatchEulerDiscreteScheduler(T)
    sigmas = flow.sigmas.flip(0).double()
    yield "straight", f"{FLOW[0].__name__}'s sigmas", SCHEDULES["straight"].sigma, sigmas


def main() -> int:
    """Print the tables and the lines; 1 if anything is off by more than the tolerance."""
    torch.set_num_threads(1)
    found: list[float] = []
    single = {walk.__name__: [0.0] * len(COUNTS) for walk in (ddpm, *DETERMINISTIC)}
    counts = "".join(f"{n:>8}" for n in COUNTS)
    print(f"{'schedule':<17} {'sampler':<14} {'spacing':<9}{counts}  oracle")
    for (name, schedule), oracle, spacing in product(SCHEDULES.items(), ORACLES, SPACINGS):
        if not oracle.knows(schedule):
            continue
        both = [differences(oracle, schedule, spacing, n, (torch.float64, torch.float32)) for n in COUNTS]
        found += [double for double, _ in both]
        sampler = oracle.sampler.__name__
        single[sampler] = [max(old, new) for old, (_, new) in zip(single[sampler], both, strict=True)]
        cells = "".join(f"{double:>8.0e}" for double, _ in both)
        print(f"{name:<17} {sampler:<14} {spacing:<9}{cells}  {oracle.name}", flush=True)
    print(f"\nOurs in float32, as in use; the largest of all rows\n\n{'sampler':<42}{counts}")
    for sampler, largest in single.items():
        print(f"{sampler:<42}" + "".join(f"{cell:>8.0e}" for cell in largest))
    print()
    for name, theirs, mine, other in schedules_and_oracles():
        found.append((mine - other).abs().max().item())
        print(f"{name:<17} against {theirs:<41} {found[-1]:.0e}", flush=True)
    walks = list(product(SCHEDULES.values(), SPACINGS, COUNTS))
    found.append(max(ddim_with_eta_1_and_ddpm(*walk) for walk in walks))
    print(f"ddim with eta 1 against ddpm, at most {found[-1]:.0e}", flush=True)
    found.append(
        max(
            lost(sampler, schedule, kind, timestep_pairs(T, n, spacing))
            for schedule, spacing, n in walks
            for sampler in DETERMINISTIC
            for kind in kinds_of(schedule)
        )
    )
    print(f"the image that an oracle knows is lost by at most {found[-1]:.0e}")
    worst = max(found)
    print(f"\nlargest of all: {worst:.1e}, allowed {TOLERANCE:.0e}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
