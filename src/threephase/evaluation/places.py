"""Places of vectors: in two dimensions, and beside their nearest; what an embedding leaves of its vectors."""

import numpy as np

EMBEDDING, PLACES = "embedding.json", "places.parquet"
START = 0  # of t-SNE, the same for every checkpoint


def nearest_rows(vectors: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which row of `known` (m, d) each of `vectors` (n, d) has the highest cosine with (n,), and that cosine (n,).

    All vectors have length 1; of equal ones it is the first.
    """
    cosines = vectors @ known.T
    nearest = cosines.argmax(axis=1)
    return nearest, cosines[np.arange(len(vectors)), nearest]


def first_components(vectors: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Vectors (n, d) on their first two principal components (n, 2), and the share of the variance on each.

    What has fewer components, as a single row has, lies at 0 on those that are missing.
    """
    from sklearn.decomposition import PCA

    components = min(2, *vectors.shape)
    fitted = PCA(components, svd_solver="full")
    places = fitted.fit_transform(vectors) if len(vectors) > 1 else np.zeros((len(vectors), components))
    shares = [float(share) for share in fitted.explained_variance_ratio_] if len(vectors) > 1 else []
    missing = 2 - components
    return np.pad(places, ((0, 0), (0, missing))), [*shares, *[0.0] * (2 - len(shares))]


def neighbourhoods(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, d) by t-SNE of their cosine distances (n, 2): near stays near, and distances far apart say nothing.

    Fewer than four rows, which have no neighbourhoods, lie where their first components are.
    """
    from sklearn.manifold import TSNE

    if len(vectors) < 4:
        return first_components(vectors)[0]
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    return TSNE(2, perplexity=perplexity, metric="cosine", init="random", random_state=START).fit_transform(vectors)
