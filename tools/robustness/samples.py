"""Every public name of the articles' modules, with arguments that are right.

One list serves the table of refusals and the property tests: a new name is added here, once.
"""

import torch
from torch import Tensor, nn

from snippets import bottleneck, capsules, infomax, nice, positions, sinusoidal, svd, vae
from snippets.positions import absolute, attention, biases
from tools.robustness.drawing import drawn
from tools.robustness.helpers import helpers
from tools.robustness.wrong import Sample


def _vae() -> list[Sample]:
    mean, log_var, x = drawn(3, 2), drawn(3, 2, seed=1), drawn(3, 4)
    net = vae.VAE(4, 2, hidden=(5,))
    plain = vae.Autoencoder(4, 2, hidden=(5,))
    sizes = {"features": 4, "latent": 2, "hidden": (5,)}
    pair = {"mean": mean, "log_var": log_var}
    return [
        Sample("vae.gaussian_kl", vae.gaussian_kl, pair),
        Sample("vae.naive_penalty", vae.naive_penalty, {"mean": mean, "std": log_var.exp()}),
        Sample("vae.reparameterize", vae.reparameterize, pair),
        Sample(
            "vae.noise_cost",
            vae.noise_cost,
            {"decode": net.decode, "mean": mean, "std": log_var.exp()},
        ),
        Sample("vae.standardize", vae.standardize, pair),
        Sample("vae.network", vae.network, {"widths": (4, 5, 2)}),
        Sample("vae.Autoencoder", vae.Autoencoder, sizes),
        Sample("vae.Autoencoder.encode", plain.encode, {"x": x}),
        Sample("vae.Autoencoder.decode", plain.decode, {"z": mean}),
        Sample("vae.Autoencoder.forward", plain.forward, {"x": x}),
        Sample("vae.VAE", vae.VAE, sizes | {"decoder_variance": 0.5}),
        Sample("vae.VAE.encode", net.encode, {"x": x}),
        Sample("vae.VAE.decode", net.decode, {"z": mean}),
        Sample("vae.VAE.loss", net.loss, {"x": x}),
        Sample("vae.VAE.sample", net.sample, {"count": 3}),
        Sample(
            "vae.linear_vae_optimum",
            vae.linear_vae_optimum,
            {"eigenvalues": x[0].square(), "decoder_variance": 0.5},
        ),
        Sample("vae.log_aggregate", vae.log_aggregate, {"z": drawn(5, 2)} | pair),
        Sample("vae.surgery", vae.surgery, pair | {"draws": 7}),
    ]


def _svd() -> list[Sample]:
    matrix = {"matrix": drawn(6, 4)}
    ranked = matrix | {"rank": 2}
    net = svd.LinearAutoencoder(4, 2, bias=True)
    return [
        Sample("svd.low_rank", svd.low_rank, ranked),
        Sample("svd.discarded_energy", svd.discarded_energy, ranked),
        Sample("svd.principal_axes", svd.principal_axes, ranked),
        Sample(
            "svd.principal_angles",
            svd.principal_angles,
            {"a": drawn(6, 2), "b": drawn(6, 3, seed=1)},
        ),
        Sample("svd.LinearAutoencoder", svd.LinearAutoencoder, {"features": 4, "rank": 2}),
        Sample("svd.LinearAutoencoder.encode", net.encode, {"x": drawn(6, 4)}),
        Sample("svd.LinearAutoencoder.decode", net.decode, {"codes": drawn(6, 2)}),
        Sample("svd.LinearAutoencoder.forward", net.forward, {"x": drawn(6, 4)}),
        Sample(
            "svd.alternating_least_squares", svd.alternating_least_squares, ranked | {"sweeps": 3}
        ),
        Sample("svd.decayed_autoencoder", svd.decayed_autoencoder, ranked | {"decay": 0.1}),
        Sample(
            "svd.rectified_low_rank",
            svd.rectified_low_rank,
            {"matrix": drawn(6, 4).abs(), "rank": 2},
        ),
        Sample("svd.storage_ratio", svd.storage_ratio, {"rows": 6, "columns": 4, "rank": 2}),
    ]


def _capsules() -> list[Sample]:
    votes, a = drawn(2, 5, 3, 4), torch.full((2, 5), 0.7)
    how = {"iterations": 2, "inverse_temperature": 0.5}
    weights = torch.tensor([0.3, 0.7])
    poses, types = drawn(2, 3, 3, 2, 4, 4), torch.full((2, 3, 3, 2), 0.6)
    primary, conv = capsules.PrimaryCapsules(3, 2), capsules.ConvCapsules(2, 2)
    classes = capsules.ClassCapsules(2, 3)
    small = {"features": 4, "types": (2, 2, 2), "strides": (2, 1, 1)}
    net = capsules.MatrixCapsules(3, **small)
    mixture = {
        "points": drawn(5, 3),
        "means": drawn(2, 3, seed=1),
        "variances": drawn(2, 3).exp(),
        "weights": weights,
    }

    def on_map(layer: nn.Module):
        return lambda poses, activations: layer(capsules.Capsules(poses, activations))

    return [
        Sample("capsules.gmm_em_step", capsules.gmm_em_step, mixture),
        Sample(
            "capsules.em_routing",
            capsules.em_routing,
            {"votes": votes, "activations": a, "beta_u": 0.1, "beta_a": drawn(3)} | how,
        ),
        Sample("capsules.PrimaryCapsules", capsules.PrimaryCapsules, {"channels": 3, "types": 2}),
        Sample("capsules.PrimaryCapsules.forward", primary, {"features": drawn(2, 3, 4, 4)}),
        Sample(
            "capsules.ConvCapsules",
            capsules.ConvCapsules,
            {"children": 2, "parents": 2, "kernel": 3, "stride": 1} | how,
        ),
        Sample(
            "capsules.ConvCapsules.forward", on_map(conv), {"poses": poses, "activations": types}
        ),
        Sample(
            "capsules.ClassCapsules", capsules.ClassCapsules, {"children": 2, "classes": 3} | how
        ),
        Sample(
            "capsules.ClassCapsules.votes",
            lambda poses, activations: classes.votes(capsules.Capsules(poses, activations)),
            {"poses": poses, "activations": types},
        ),
        Sample(
            "capsules.ClassCapsules.forward",
            on_map(classes),
            {"poses": poses, "activations": types},
        ),
        Sample(
            "capsules.MatrixCapsules",
            capsules.MatrixCapsules,
            {"classes": 3, "channels": 1} | small | how,
        ),
        Sample("capsules.MatrixCapsules.parts", net.parts, {"images": drawn(2, 1, 16, 16)}),
        Sample("capsules.MatrixCapsules.forward", net, {"images": drawn(2, 1, 16, 16)}),
        Sample(
            "capsules.spread_loss",
            capsules.spread_loss,
            {"activations": drawn(2, 3).sigmoid(), "target": torch.tensor([0, 2]), "margin": 0.5},
        ),
    ]


def _nice() -> list[Sample]:
    x = drawn(3, 4)
    coupling, scaling = nice.AdditiveCoupling(nn.Linear(2, 2)), nice.Scaling(4)
    sizes = {"features": 4, "hidden": 5, "hidden_layers": 1, "couplings": 2, "prior": "logistic"}
    net = nice.NICE(**sizes)
    narrow = {"shift": {"one output too few": nn.Linear(2, 1)}}
    return [
        Sample("nice.split", nice.split, {"x": x}),
        Sample("nice.merge", nice.merge, {"even": drawn(3, 2), "odd": drawn(3, 2)}),
        Sample("nice.AdditiveCoupling.forward", coupling, {"x": x}),
        Sample("nice.AdditiveCoupling.inverse", coupling.inverse, {"z": x}),
        Sample(
            "nice.AdditiveCoupling",
            lambda shift: nice.AdditiveCoupling(shift)(x),
            {"shift": nn.Linear(2, 2)},
            narrow,
        ),
        Sample("nice.Scaling", nice.Scaling, {"features": 4}),
        Sample("nice.Scaling.forward", scaling, {"x": x}),
        Sample("nice.Scaling.inverse", scaling.inverse, {"z": x}),
        Sample("nice.logistic_log_prob", nice.logistic_log_prob, {"z": x}),
        Sample("nice.gaussian_log_prob", nice.gaussian_log_prob, {"z": x}),
        Sample("nice.shift_network", nice.shift_network, {"features": 2, "widths": [5, 5]}),
        Sample("nice.NICE", nice.NICE, sizes),
        Sample("nice.NICE.forward", net, {"x": x}),
        Sample("nice.NICE.inverse", net.inverse, {"z": x}),
        Sample("nice.NICE.log_prob", net.log_prob, {"x": x}),
        Sample("nice.NICE.sample", net.sample, {"count": 3, "temperature": 0.9}),
        Sample("nice.optimal_log_scale", nice.optimal_log_scale, {"h": x, "prior": "logistic"}),
        Sample(
            "nice.dequantize",
            nice.dequantize,
            {"pixels": torch.tensor([[0, 255, 7]]), "levels": 256},
        ),
        Sample(
            "nice.bits_per_dim",
            nice.bits_per_dim,
            {"log_prob": x[:, 0], "features": 4, "levels": 256},
        ),
    ]


def _infomax() -> list[Sample]:
    joint, product = drawn(5), drawn(4, seed=1)
    scores = {"joint": joint, "product": product}
    critic = infomax.Critic(3, 2, hidden=4)
    sizes = {"channels": 1, "latent": 2, "widths": (2, 3), "hidden": 4}
    weights = {"global_weight": 0.5, "local_weight": 1.0, "prior_weight": 0.1}
    net = infomax.DeepInfoMax(**sizes)
    left, right = drawn(3, 3), drawn(3, 2)
    images = {"images": drawn(3, 1, 8, 8)}
    return [
        Sample(
            "infomax.gaussian_mutual_information",
            infomax.gaussian_mutual_information,
            {"rho": torch.tensor([0.3, -0.8]), "dims": 2},
        ),
        Sample(
            "infomax.gaussian_pmi",
            infomax.gaussian_pmi,
            {"x": left, "z": drawn(3, 3, seed=1), "rho": 0.5},
        ),
        Sample(
            "infomax.linear_channel", infomax.linear_channel, {"gain": joint, "std": joint.exp()}
        ),
        Sample("infomax.dv_bound", infomax.dv_bound, scores),
        Sample("infomax.nwj_bound", infomax.nwj_bound, scores),
        Sample("infomax.jsd_bound", infomax.jsd_bound, scores),
        Sample("infomax.infonce_bound", infomax.infonce_bound, {"scores": drawn(4, 4)}),
        Sample("infomax.derangement", infomax.derangement, {"count": 4}),
        Sample("infomax.prior_losses", infomax.prior_losses, {"prior": joint, "code": product}),
        Sample("infomax.Critic", infomax.Critic, {"left": 3, "right": 2, "hidden": 4}),
        Sample("infomax.Critic.forward", critic, {"left": left, "right": right}),
        Sample(
            "infomax.Critic.told_apart",
            critic.told_apart,
            {"left": left, "right": right, "others": torch.tensor([1, 2, 0])},
        ),
        Sample("infomax.DeepInfoMax", infomax.DeepInfoMax, sizes | weights),
        Sample("infomax.DeepInfoMax.encode", net.encode, images),
        Sample("infomax.DeepInfoMax.loss", net.loss, images),
    ]


def _bottleneck() -> list[Sample]:
    pair = {"mean": drawn(3, 2), "log_var": drawn(3, 2, seed=1)}
    sizes = {"features": 4, "latent": 2, "classes": 3, "hidden": (5,)}
    net = bottleneck.VIB(**sizes)
    joint = drawn(4, 3).exp() / drawn(4, 3).exp().sum()
    x, y = drawn(3, 4), torch.tensor([0, 2, 1])
    return [
        Sample("bottleneck.gaussian_rate", bottleneck.gaussian_rate, pair),
        Sample("bottleneck.draw_code", bottleneck.draw_code, pair),
        Sample("bottleneck.aggregate_moments", bottleneck.aggregate_moments, pair),
        Sample("bottleneck.VIB", bottleneck.VIB, sizes),
        Sample("bottleneck.VIB.encode", net.encode, {"x": x}),
        Sample("bottleneck.VIB.forward", net, {"x": x}),
        Sample("bottleneck.VIB.loss", net.loss, {"x": x, "y": y, "beta": 0.1}),
        Sample(
            "bottleneck.dual_update",
            bottleneck.dual_update,
            {"beta": 0.1, "rate": 2.0, "target": 1.0, "step": 0.5},
        ),
        Sample(
            "bottleneck.threshold_penalties",
            bottleneck.threshold_penalties,
            {"pointwise": drawn(4), "threshold": 0.5},
        ),
        Sample(
            "bottleneck.circle_path",
            bottleneck.circle_path,
            {"a": x, "b": drawn(3, 4, seed=1), "t": 0.3},
        ),
        Sample(
            "bottleneck.circle_path, one t a sample",
            bottleneck.circle_path,
            {"a": x, "b": drawn(3, 4, seed=1), "t": torch.tensor([[0.1], [0.5], [1.0]])},
        ),
        Sample("bottleneck.mutual_information", bottleneck.mutual_information, {"joint": joint}),
        Sample(
            "bottleneck.information_bottleneck",
            bottleneck.information_bottleneck,
            {"joint": joint, "beta": 5.0, "clusters": 2, "iterations": 9},
        ),
    ]


def _product(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() + (a * a * b * b).sum()


def _sinusoidal() -> list[Sample]:
    rates, places = sinusoidal.frequencies(4), torch.tensor([0, 3, -2])
    p, q = drawn(4), drawn(4, seed=1)
    turned = {"x": drawn(3, 4), "offsets": places, "frequencies": rates}
    both = {"f": _product, "p_m": p, "p_n": q}
    step = torch.linalg.qr(drawn(4, 4)).Q
    kernel = torch.tensor([1.0, 0.5, 0.25])
    return [
        Sample("sinusoidal.frequencies", sinusoidal.frequencies, {"features": 4, "base": 100.0}),
        Sample(
            "sinusoidal.encode",
            sinusoidal.encode,
            {"positions": places, "frequencies": rates, "layout": "half"},
        ),
        Sample(
            "sinusoidal.sinusoidal",
            sinusoidal.sinusoidal,
            {"positions": 5, "features": 4, "base": 100.0, "layout": "half"},
        ),
        Sample(
            "sinusoidal.mean_cosine",
            sinusoidal.mean_cosine,
            {"offsets": places, "frequencies": rates},
        ),
        Sample(
            "sinusoidal.similarity",
            sinusoidal.similarity,
            {"offsets": places / 2, "features": 4, "base": 100.0},
        ),
        Sample("sinusoidal.decay", sinusoidal.decay, {"offsets": places / 2, "base": 100.0}),
        Sample("sinusoidal.mixed_term", sinusoidal.mixed_term, both),
        Sample("sinusoidal.mixed_hessian", sinusoidal.mixed_hessian, both),
        Sample("sinusoidal.expansion", sinusoidal.expansion, both),
        Sample("sinusoidal.block_terms", sinusoidal.block_terms, {"block": drawn(3, 2, 2)}),
        Sample("sinusoidal.relative_part", sinusoidal.relative_part, {"mixed": drawn(4, 4)}),
        Sample("sinusoidal.turn", sinusoidal.turn, turned),
        Sample("sinusoidal.orbit", sinusoidal.orbit, {"step": step, "start": p, "length": 5}),
        Sample("sinusoidal.kernel_positions", sinusoidal.kernel_positions, {"kernel": kernel}),
    ]


def _schemes() -> list[Sample]:
    width = {"dim": 4, "heads": 2}
    waves = {"base": 100.0, "layout": "half"}
    t5 = {"heads": 2, "buckets": 8, "max_distance": 16}
    made = [
        ("LearnedPositions", {"length": 5, "dim": 4}),
        ("ProductPositions", {"length": 5, "dim": 4}),
        ("SinusoidalPositions", {"dim": 4} | waves),
        ("RecurrentPositions", {"dim": 4, "steps": 2}),
        ("ShawPositions", width | {"max_distance": 3}),
        ("TransformerXLPositions", width | waves),
        ("T5Positions", t5),
        ("DebertaPositions", width | {"max_distance": 3}),
        ("RotaryPositions", waves | {"step": 0.5}),
        ("AlibiPositions", {"heads": 2}),
    ]
    samples = []
    for name, arguments in made:
        scheme = getattr(positions, name)
        net = positions.Attention(4, 2, position=scheme(**arguments))
        samples.append(Sample(f"positions.{name}", scheme, arguments))
        samples.append(Sample(f"positions.Attention with {name}", net, {"x": drawn(2, 5, 4)}))
    return samples


def _positions() -> list[Sample]:
    plain = positions.Attention(4, 2, causal=True)
    x, values, table = drawn(2, 5, 4), drawn(2, 9), drawn(3, 4)
    waves = positions.ComplexEmbedding(6, 4)
    ids = torch.tensor([[0, 5, 2], [1, 1, 3]])
    recurrent = positions.RecurrentPositions(4)
    unfit = {"position": {"of another width": positions.LearnedPositions(5, 6), "text": "rotary"}}
    terms = {"x": x, "p": drawn(5, 4), "query": drawn(3, 4), "key": drawn(3, 4, seed=1)}
    turned = {"x": x, "positions": torch.arange(5) / 2, "base": 100.0, "layout": "half"}
    offsets = torch.arange(-9, 10)
    return [
        Sample(
            "positions.Attention",
            positions.Attention,
            {"dim": 4, "heads": 2, "position": None},
            unfit,
        ),
        Sample("positions.Attention.forward", plain, {"x": x}),
        Sample("positions.Attention.scores", plain.scores, {"x": x}),
        Sample("positions.Attention.weights", plain.weights, {"x": x}),
        Sample("positions.Attention.project", plain.project, {"x": x}),
        *_schemes(),
        Sample("positions.LearnedPositions.forward", positions.LearnedPositions(5, 4), {"x": x}),
        Sample("positions.ProductPositions.forward", positions.ProductPositions(5, 4), {"x": x}),
        Sample("positions.SinusoidalPositions.forward", positions.SinusoidalPositions(4), {"x": x}),
        Sample("positions.RecurrentPositions.forward", recurrent, {"x": x}),
        Sample("positions.RecurrentPositions.states", recurrent.states, {"length": 3}),
        Sample(
            "positions.hierarchical_positions",
            absolute.hierarchical_positions,
            {"table": table, "length": 7, "alpha": 0.4},
        ),
        Sample("positions.four_terms", attention.four_terms, terms),
        Sample("positions.toeplitz", biases.toeplitz, {"values": values}),
        Sample(
            "positions.t5_bucket",
            positions.t5_bucket,
            {"relative_position": offsets, "buckets": 8, "max_distance": 16},
        ),
        Sample("positions.alibi_slopes", positions.alibi_slopes, {"heads": 3}),
        Sample("positions.relative_shift", positions.relative_shift, {"scores": drawn(2, 3, 3)}),
        Sample("positions.rotary", positions.rotary, turned),
        Sample("positions.rotary from 0", positions.rotary, {"x": x}),
        Sample(
            "positions.interpolated_positions",
            positions.interpolated_positions,
            {"length": 6, "trained": 3},
        ),
        Sample(
            "positions.ntk_base", positions.ntk_base, {"base": 100.0, "factor": 2.0, "width": 4}
        ),
        Sample(
            "positions.ComplexEmbedding", positions.ComplexEmbedding, {"words": 6, "features": 4}
        ),
        Sample("positions.ComplexEmbedding.forward", waves, {"ids": ids}),
        Sample(
            "positions.padding_leak",
            positions.padding_leak,
            {"size": 9, "layers": 2, "channels": 2, "padding": "reflect"},
        ),
    ]


def samples() -> list[Sample]:
    """Return all of them, the weights of the networks drawn from one seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        articles = (_vae, _svd, _capsules, _nice, _infomax, _bottleneck, _sinusoidal, _positions)
        parts = (*articles, helpers)
        return [sample for part in parts for sample in part()]
