"""Why some of what looks wrong is right: each accepted argument is listed here with its reason."""

import re
from collections.abc import Iterator

ROWS = r"(axis more|axis less|no axes|first axis \+ 1|empty)"
FIRST = r"(first axis \+ 1|empty)"
SIZE = r"(last axis - 1|first axis \+ 1)"
REAL = r"(float64|bfloat16)"

# By reason, the calls that it excuses, as `name(argument: what is wrong)`.
REASONS: dict[str, tuple[str, ...]] = {
    "Leading axes are those of the batch: any number of them, each as long as you like. A batch of"
    " nothing gives nothing, except where a mean is taken: that is refused.": (
        rf"vae\.\w+\.(encode|decode|forward)\([xz]: {FIRST}\)",
        r"vae\.VAE\.loss\(x: first axis \+ 1\)",
        rf"vae\.log_aggregate\(z: {FIRST}\)",
        rf"svd\.LinearAutoencoder\.\w+\(\w+: {ROWS}\)",
        rf"capsules\.PrimaryCapsules\.forward\(features: {FIRST}\)",
        rf"capsules\.MatrixCapsules\.\w+\(images: {FIRST}\)",
        rf"nice\.(split|AdditiveCoupling|Scaling|NICE)[\w.]*\([xz]: {ROWS}\)",
        rf"nice\.\w+_log_prob\(z: {ROWS}\)",
        rf"nice\.(dequantize|bits_per_dim)\((pixels|log_prob): {ROWS}\)",
        rf"infomax\.gaussian_mutual_information\(rho: {ROWS}\)",
        r"infomax\.DeepInfoMax\.\w+\(images: first axis \+ 1\)",
        rf"bottleneck\.VIB\.(encode|forward)\(x: {ROWS}\)",
        rf"sinusoidal\.(?!turn)\w+\((positions|offsets|block): {ROWS}\)",
        rf"positions\.(?!hier|four|toep|t5|relative)[\w ]+[\w.]*\(x: {FIRST}\)",
        rf"positions\.(four_terms|rotary[ \w]*)\(x: {ROWS}\)",
        rf"positions\.(t5_bucket|relative_shift)\(\w+: {ROWS}\)",
        r"convolutions\.\w+\.(forward|encode|loss)\(images: first axis \+ 1\)",
        rf"cosine_integral\.\w+\(x: {ROWS}\)",
        rf"positions\.(toeplitz|ComplexEmbedding\.forward)\((values|ids): {FIRST}\)",
    ),
    "This size is the caller's: no other argument has to agree with it.": (
        rf"vae\.linear_vae_optimum\(eigenvalues: ({SIZE}|empty)\)",
        rf"svd\.\w+\(matrix: {SIZE}\)",
        r"svd\.principal_angles\([ab]: last axis - 1\)",
        r"capsules\.gmm_em_step\(points: first axis \+ 1\)",
        r"capsules\.em_routing\(votes: last axis - 1\)",
        r"capsules\.\w+\.(forward|parts)\((features|images): last axis - 1\)",
        r"nice\.(\w+_log_prob|dequantize|bits_per_dim)\(\w+: last axis - 1\)",
        rf"nice\.optimal_log_scale\(h: {SIZE}\)",
        rf"infomax\.\w+(_bound|_losses)\(\w+: {SIZE}\)",
        r"infomax\.gaussian_mutual_information\(rho: last axis - 1\)",
        r"infomax\.DeepInfoMax\.\w+\(images: last axis - 1\)",
        rf"bottleneck\.threshold_penalties\(pointwise: {SIZE}\)",
        r"sinusoidal\.\w+\((positions|offsets): last axis - 1\)",
        rf"sinusoidal\.(encode|mean_cosine)\(frequencies: {SIZE}\)",
        r"sinusoidal\.kernel_positions\(kernel: last axis - 1\)",
        r"convolutions\.\w+\.(forward|encode|loss)\(images: last axis - 1\)",
        r"cosine_integral\.\w+\(x: last axis - 1\)",
        rf"comparisons\.paired_differences\(scores: {SIZE}\)",
        rf"tables\.(hide|frequency)\((table|counts): ({SIZE}|empty)\)",
        rf"sequences\.windows\((text|starts): ({SIZE}|empty)\)",
        rf"positions\.hierarchical_positions\(table: {SIZE}\)",
        r"positions\.(t5_bucket|ComplexEmbedding\.forward)\(\w+: last axis - 1\)",
    ),
    "Computed in the dtype that came, and returned in it.": (
        r"vae\.linear_vae_optimum\(eigenvalues: float64\)",
        r"svd\.\w+\(matrix: float64\)",
        r"capsules\.spread_loss\(activations: float64\)",
        rf"nice\.(split|\w+_log_prob|bits_per_dim)\(\w+: {REAL}\)",
        r"nice\.optimal_log_scale\(h: float64\)",
        r"infomax\.(gaussian_mutual_information|infonce_bound)\(\w+: float64\)",
        r"bottleneck\.(threshold_penalties|\w+_bottleneck|mutual_\w+)\(\w+: float64\)",
        r"sinusoidal\.(block_terms|relative_part|kernel_positions)\(\w+: float64\)",
        r"sinusoidal\.turn\(x: float64\)",
        rf"positions\.SinusoidalPositions\.forward\(x: {REAL}\)",
        r"positions\.hierarchical_positions\(table: float64\)",
        rf"positions\.rotary[ \w]*\(x: {REAL}\)",
        r"cosine_integral\.\w+\(x: float64\)",
    ),
    "A number of its own, taken in whatever dtype it comes and cast to that of the others.": (
        r"capsules\.em_routing\(beta_a: (int64|float64|bfloat16)\)",
        r"bottleneck\.circle_path, one t a sample\(t: (int64|float64|bfloat16)\)",
        r"sinusoidal\.(encode|mean_cosine|turn)\(frequencies: float64\)",
        r"sinusoidal\.\w+\((positions|offsets): (int64|float32|float64)\)",
        rf"comparisons\.paired_differences\(scores: {REAL}\)",
        r"positions\.rotary\(positions: (int64|float64|bfloat16)\)",
    ),
    "Positions and offsets are any numbers: negative, large, whole or fractional.": (
        r"sinusoidal\.\w+\((positions|offsets): -?1000\)",
        r"positions\.t5_bucket\(relative_position: -?1000\)",
    ),
    "One for all: an offset, a price or a t that has no axes of its own. A t with one axis more"
    " asks for several points of each path.": (
        r"capsules\.em_routing\(beta_a: (axis less|no axes)\)",
        r"sinusoidal\.turn\(offsets: (axis less|no axes)\)",
        r"bottleneck\.circle_path, one t a sample\(t: (axis more|axis less|no axes)\)",
    ),
    "Zero is a choice: nothing is kept, weighed, drawn or moved.": (
        r"svd\.\w+\((rank|decay): 0\)",
        r"nice\.NICE\.sample\(temperature: 0\)",
        r"infomax\.DeepInfoMax\(\w+_weight: 0\)",
        r"infomax\.gaussian_pmi\(rho: 0\)",
        r"(comparisons|tables)\.\w+\((reference|share): 0\)",
        r"bottleneck\.\w+(\.loss)?\((beta|rate|target|step|threshold|t): 0\)",
        r"capsules\.em_routing\(beta_u: (0|-1)\)",
    ),
    "The limit is finite: a deviation or a density of 0, or a bound that a score has reached.": (
        r"vae\.(reparameterize|log_aggregate)\((log_var|mean): -?infinity\)",
        r"capsules\.spread_loss\(activations: infinity\)",
        r"infomax\.(dv|nwj|jsd)_bound\(product: -infinity\)",
        r"infomax\.jsd_bound\(joint: infinity\)",
        r"infomax\.prior_losses\((prior: infinity|code: -infinity)\)",
        r"bottleneck\.(draw_code|aggregate_moments)\(log_var: -infinity\)",
        r"bottleneck\.threshold_penalties\(pointwise: -infinity\)",
    ),
    "A network does not look at the numbers that it is given, and a ReLU takes minus infinity to 0;"
    " NaN it lets through.": (
        r"(infomax|convolutions)\.\w+\.(encode|loss|forward)\(images: -?infinity\)",
    ),
    "Entries are moved, counted or ranked, so that any number will do, of any dtype; of a shifted"
    " matrix the first one has no place in the result.": (
        r"positions\.(toeplitz|relative_shift)\(\w+: (int64|float64|bfloat16|complex64)\)",
        r"positions\.relative_shift\(scores: (NaN|-?infinity)\)",
        rf"tables\.\w+\((table|counts|scores): (int64|{REAL})\)",
        r"tables\.best_gaps\(scores: -?infinity\)",
        r"sequences\.windows\(text: (float32|bool|-?1000)\)",
        r"sequences\.to_ids\((text|alphabet): other\)",
    ),
    "Without hidden layers the map is linear.": (
        r"(vae\.(VAE|Autoencoder)|bottleneck\.VIB)\(hidden: none\)",
        r"networks\.dense\(hidden: 0\)",
    ),
    "The shift is the caller's, and its own error comes through.": (
        r"nice\.AdditiveCoupling\.\w+\([xz]: (float64|bfloat16)\)",
    ),
}


def reasons(call: str) -> Iterator[int]:
    """Yield the places of the reasons that excuse a call."""
    for place, patterns in enumerate(REASONS.values()):
        if any(re.fullmatch(pattern, call) for pattern in patterns):
            yield place
