"""What can be measured, by name, in the order in which it is."""

NAMES = (
    "inspect_vs_bare",
    "inspects_joined",
    "steer_vs_generate",
    "ttft_vs_prefill",
    "steer_behind_prefix",
    "patch_vs_hooks",
    "lens_vs_plain",
    "edges_vs_saelens",
    "edges_linear_in_tokens",
    "live_vs_saelens",
    "loss_vs_forward",
    "loss_linear",
    "fit_s",
    "startup_s",
    "hover_ms",
    "page_clicks",
    "coverage_p95_100m",
    "token_p95_100m",
    "feature_p95_100m",
    "search_p95_100m",
    "graph_first_100m",
    "graph_fps_100m",
    "merge_100m_1gb",
)
CUDA_NAMES = ("cuda_inspect", "cuda_steer", "cuda_edges", "cuda_memory")
LARGE = frozenset(name for name in NAMES if name.endswith("_100m") or name == "merge_100m_1gb")
