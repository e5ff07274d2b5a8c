"""Every key of `cfg.json`: one that is honoured, one that changes no activation, with the reason,
or refused by name.

A setting that is overlooked makes another SAE: top-k ones were saved as "standard" with the k
beside it, and without it they fire thirty times as often. The names are those that sae-lens has
written since 0.5.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# older spelling -> the one that is read; sae-lens renames them in the same way
SPELLINGS = {
    "activation_fn_str": "activation_fn",
    "hook_point": "hook_name",
    "hook_point_layer": "hook_layer",
    "hook_point_head_index": "hook_head_index",
}
# what the encoder and the site are made from: config.py reads each of them
ENCODER = _names(
    "architecture d_in d_sae apply_b_dec_to_input normalize_activations reshape_activations k "
    "rescale_acts_by_decoder_norm activation_fn activation_fn_kwargs finetuning_scaling_factor"
)
# these stand at the top in older files and under `metadata` in newer ones
SITE = _names("hook_name hook_layer hook_head_index model_from_pretrained_kwargs")
# honoured by being empty: with a value they mean that the SAE reads or writes something else
EMPTY = {
    "hook_name_out": "it writes to another place than it reads",
    "hook_head_index_out": "it writes to one attention head",
    "hf_hook_name_out": "it writes to another place than it reads",
    "finetuning_method": "its activations are rescaled by an array that newer files do not have",
    "model_kwargs": "the model was run with options of its own",
}
# what the loaded model's options do to its residual stream: nothing
SAME_STREAM = _names("fold_ln center_unembed fold_value_biases dtype device n_devices")
# subtracts the stream's mean; the one option that can be folded into the weights
CENTRED = "center_writing_weights"

NOTES = "notes"  # under it, or under `metadata.notes`, anything may be written
HARMLESS: dict[str, str] = {
    "how the weights are stored and loaded; activations are computed in the dtype that the job "
    "asks for": ("dtype device sae_lens_version sae_lens_training_version"),
    "which model and text it was trained on": (
        "model_name model_class_name hf_hook_name hook_eval hook_point_eval dataset_path "
        "dataset_trust_remote_code is_dataset_tokenized streaming context_size "
        "disable_concat_sequences sequence_separator_token "
        "use_chat_formatting use_cached_activations cached_activations_path "
        "activations_mixing_fraction training_tokens total_training_tokens finetuning_tokens"
    ),
    "where in a text it was trained: refused beside a model that is read otherwise (core/fit)": (
        "prepend_bos seqpos_slice exclude_special_tokens"
    ),
    "how it was initialised": (
        "b_dec_init_method expansion_factor from_pretrained_path decoder_orthogonal_init "
        "decoder_heuristic_init decoder_heuristic_init_norm decoder_init_norm "
        "init_encoder_as_decoder_transpose jumprelu_init_threshold"
    ),
    "its loss and optimiser": (
        "l1_coefficient lp_norm l1_warm_up_steps l0_coefficient l0_warm_up_steps target_l0 "
        "pre_act_loss_coefficient aux_loss_coefficient use_ghost_grads normalize_sae_decoder "
        "noise_scale mse_loss_normalization scale_sparsity_penalty_by_decoder_norm "
        "jumprelu_bandwidth jumprelu_sparsity_loss_mode jumprelu_tanh_scale "
        "jumprelu_ste_to_input use_sparse_activations topk_threshold_lr matryoshka_widths "
        "use_matryoshka_aux_loss adam_beta1 adam_beta2 lr lr_scheduler_name lr_warm_up_steps "
        "lr_end lr_decay_steps n_restart_cycles feature_sampling_window dead_feature_window "
        "dead_feature_threshold"
    ),
    "how its training was run": (
        "seed n_batches_in_buffer store_batch_size store_batch_size_prompts train_batch_size "
        "train_batch_size_tokens tokens_per_buffer act_store_device llm_device "
        "prefetch_llm_batches autocast autocast_lm compile_llm llm_compilation_mode compile_sae "
        "sae_compilation_mode n_eval_batches eval_batch_size_prompts n_batches_for_norm_estimate "
        "n_checkpoints checkpoint_path save_final_checkpoint output_path resume "
        "resume_from_checkpoint verbose run_name log_to_wandb log_activations_store_to_wandb "
        "log_optimizer_state_to_wandb wandb_project wandb_id wandb_entity wandb_log_frequency "
        "eval_every_n_wandb_logs"
    ),
    "a name of it elsewhere": "neuronpedia_id",
    "free text": NOTES,
}
_HARMLESS = _names(" ".join(HARMLESS.values()))
# written by `functionscope fetch` and `train-sae`, and by sae-lens about the training that an
# exported SAE had
ABOUT = _names(
    "l0 l0_source release sae_lens_id repo_id centring training_architecture "
    "training_architecture_details trained_tokens k training explained_variance "
    "never_fired_there calibration_positions loss loss_reconstructed loss_zeroed "
    "reconstruction_score scored_rows batch left_out decoder "
    "explained_variance_without_top_dimension top_dimension top_dimension_share"
)


def settled(raw: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(settings by their present name, metadata) of a `cfg.json`.

    ValueError for a key that is not known, one that must be empty and is not, and one that is there
    twice with different values.
    """
    metadata = raw.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ValueError(f"{path}: metadata is {metadata!r}; needed: an object.")
    found: dict[str, Any] = {}
    # under metadata k and the like are about the training
    places = (("", raw, ENCODER | SITE, {"metadata"}), ("metadata.", metadata, SITE, ABOUT))
    for prefix, held, read, about in places:
        for spelt, value in held.items():
            name = SPELLINGS.get(spelt, spelt)
            if name in EMPTY and value:
                raise ValueError(
                    f"{path}: {prefix}{spelt} is {value!r}: {EMPTY[name]}. Only SAEs without it "
                    "can be read."
                )
            if name not in read | about | EMPTY.keys() | _HARMLESS:
                raise ValueError(
                    f"{path}: {prefix}{spelt} is {value!r}, and what it does to the activations "
                    f"is not known. If nothing, move it under metadata.{NOTES}."
                )
            if name in read and found.setdefault(name, value) != value:
                raise ValueError(
                    f"{path}: {prefix}{spelt} is {value!r}, and elsewhere {name} is "
                    f"{found[name]!r}."
                )
    return found, metadata
