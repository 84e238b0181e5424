"""The same for what the labs share: data, encoders, tables, sequences, comparisons."""

import torch

from snippets import comparisons, convolutions, cosine_integral, data, networks, sequences, tables
from tools.robustness.drawing import drawn
from tools.robustness.wrong import Sample


def _images() -> list[Sample]:
    images, labels = drawn(3, 1, 8, 8), torch.tensor([0, 2, 1])
    sizes = {"channels": 1, "latent": 2, "widths": (2, 3)}
    encoder = convolutions.Encoder(**sizes)
    auto = convolutions.ConvAutoencoder(1, 2, 8, widths=(2, 3), hidden=4)
    classifier = convolutions.Classifier(1, 2, 3, widths=(2, 3))
    decoder = {"side": 8, "decoder_variance": 0.5, "hidden": 4}
    return [
        Sample("data.load_mnist", data.load_mnist, {"split": "test"}),
        Sample("convolutions.Encoder", convolutions.Encoder, sizes),
        Sample("convolutions.Encoder.forward", encoder, {"images": images}),
        Sample("convolutions.ConvAutoencoder", convolutions.ConvAutoencoder, sizes | decoder),
        Sample("convolutions.ConvAutoencoder.encode", auto.encode, {"images": images}),
        Sample("convolutions.ConvAutoencoder.loss", auto.loss, {"images": images}),
        Sample("convolutions.Classifier", convolutions.Classifier, sizes | {"classes": 3}),
        Sample("convolutions.Classifier.encode", classifier.encode, {"images": images}),
        Sample(
            "convolutions.Classifier.loss", classifier.loss, {"images": images, "labels": labels}
        ),
        Sample("networks.dense", networks.dense, {"inputs": 3, "outputs": 2, "hidden": 4}),
    ]


def _numbers() -> list[Sample]:
    x, scores = drawn(4), drawn(5, 3)
    table = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    narrow = {"x": x, "width": 0.5}
    hidden = {"table": table, "share": 0.5}
    return [
        Sample(
            "cosine_integral.entire_cosine_integral",
            cosine_integral.entire_cosine_integral,
            {"x": x},
        ),
        Sample("cosine_integral.cosine_integral", cosine_integral.cosine_integral, {"x": x.exp()}),
        Sample("cosine_integral.narrow_average", cosine_integral.narrow_average, narrow),
        Sample(
            "comparisons.paired_differences",
            comparisons.paired_differences,
            {"scores": scores, "reference": 1},
        ),
        Sample("tables.block_table", tables.block_table, {"rows": 5, "columns": 4}),
        Sample("tables.hide", tables.hide, hidden),
        Sample(
            "tables.best_gaps",
            tables.best_gaps,
            {"scores": drawn(2, 3), "table": table, "count": 2},
        ),
        Sample("tables.frequency", tables.frequency, {"counts": table}),
        Sample("networks.share", networks.share, {"rebuilt": table, "x": table + 1}),
    ]


def _sequences() -> list[Sample]:
    cut = {"text": torch.arange(12), "starts": torch.tensor([0, 4]), "length": 3}
    return [
        Sample(
            "sequences.task_batch", sequences.task_batch, {"task": "copy", "length": 6, "count": 2}
        ),
        Sample(
            "sequences.growing_lengths",
            sequences.growing_lengths,
            {"steps": 3, "longest": 8, "shortest": 5},
        ),
        Sample("sequences.to_ids", sequences.to_ids, {"text": "abca", "alphabet": "abc"}),
        Sample("sequences.windows", sequences.windows, cut),
    ]


def helpers() -> list[Sample]:
    """Return all of them."""
    return [*_images(), *_numbers(), *_sequences()]
