"""What each family's files say, scaled down: the fields are those of the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .tokenizer import SIZE, Kind


@dataclass(frozen=True)
class Family:
    """A tiny model of a family.

    Attributes:
        config: of `config.json`, beside what all have.
        tokenizer: how it splits.
        specials: tokens in the order of their ids.
        first: whether they have the first ids.
        bos: begins a text, or None.
        eos: ends a text, in `tokenizer_config.json`.
        ends: all that end an answer, in `generation_config.json`.
        template: the file of the chat template.
        settings: of `tokenizer_config.json`, beside what all have.
        unknown: the token of what no other stands for.
        system: whether the template has a place for a system message.
    """

    config: Mapping[str, Any]
    tokenizer: Kind
    specials: Sequence[str]
    first: bool
    bos: str | None
    eos: str
    ends: Sequence[str]
    template: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    unknown: str | None = None
    system: bool = True


COMMON = {
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "torch_dtype": "float16",
    "vocab_size": SIZE,
}
LLAMA_3_ROPE = {
    "factor": 8.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 64,
    "rope_type": "llama3",
}
CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Ollama's importer takes Gemma 2's end of turn for number 107, as it is in the published tokenizer.
GEMMA_2 = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    *(f"<unused{n}>" for n in range(102)),
    "<start_of_turn>",
    "<end_of_turn>",
)
GEMMA_3 = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    *(f"<unused{n}>" for n in range(101)),
    "<start_of_turn>",
    "<end_of_turn>",
)
GEMMA = {
    "head_dim": 16,
    "hidden_activation": "gelu_pytorch_tanh",
    "query_pre_attn_scalar": 16,
    "sliding_window": 16,
}

FAMILIES: Mapping[str, Family] = {
    "qwen2.5": Family(
        {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "hidden_act": "silu",
            "tie_word_embeddings": True,
            "use_sliding_window": False,
            "sliding_window": 512,
            "max_window_layers": 2,
        },
        "qwen",
        CHATML,
        False,
        None,
        "<|im_end|>",
        ("<|im_end|>", "<|endoftext|>"),
        "qwen2.5",
    ),
    "qwen3": Family(
        {
            "architectures": ["Qwen3ForCausalLM"],
            "model_type": "qwen3",
            "hidden_act": "silu",
            "head_dim": 24,
            "tie_word_embeddings": True,
            "attention_bias": False,
            "use_sliding_window": False,
            "rope_theta": 1000000,
        },
        "qwen",
        (*CHATML, "<think>", "</think>"),
        False,
        None,
        "<|im_end|>",
        ("<|im_end|>", "<|endoftext|>"),
        "qwen3",
    ),
    "llama-3.2": Family(
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "head_dim": 16,
            "tie_word_embeddings": True,
            "rope_scaling": LLAMA_3_ROPE,
            "rope_theta": 500000.0,
            "attention_bias": False,
            "mlp_bias": False,
        },
        "llama-3",
        (
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ),
        False,
        "<|begin_of_text|>",
        "<|eot_id|>",
        ("<|end_of_text|>", "<|eot_id|>"),
        "llama-3",
    ),
    "smollm2": Family(
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "tie_word_embeddings": True,
            "rope_theta": 100000,
            "is_llama_config": True,
        },
        "gpt-2",
        CHATML,
        True,
        "<|im_start|>",
        "<|im_end|>",
        ("<|im_end|>",),
        "smollm2",
    ),
    "gemma-2": Family(
        {
            "architectures": ["Gemma2ForCausalLM"],
            "model_type": "gemma2",
            "hidden_act": "gelu_pytorch_tanh",
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
            **GEMMA,
        },
        "pieces",
        GEMMA_2,
        True,
        "<bos>",
        "<eos>",
        ("<eos>", "<end_of_turn>"),
        "gemma-2",
        unknown="<unk>",
        system=False,
    ),
    "gemma-3": Family(
        {
            "architectures": ["Gemma3ForCausalLM"],
            "model_type": "gemma3_text",
            "num_hidden_layers": 6,
            "rope_theta": 1000000,
            "rope_local_base_freq": 10000,
            "sliding_window_pattern": 6,
            **GEMMA,
        },
        "pieces",
        GEMMA_3,
        True,
        "<bos>",
        "<eos>",
        ("<eos>", "<end_of_turn>"),
        "gemma-3",
        unknown="<unk>",
    ),
    "mistral": Family(
        {
            "architectures": ["MistralForCausalLM"],
            "model_type": "mistral",
            "hidden_act": "silu",
            "head_dim": 16,
            "sliding_window": None,
            "tie_word_embeddings": False,
            "rope_theta": 1000000.0,
        },
        "pieces-prefixed",
        ("<unk>", "<s>", "</s>", "[INST]", "[/INST]"),
        True,
        "<s>",
        "</s>",
        ("</s>",),
        "mistral",
        unknown="<unk>",
        system=False,
    ),
    "phi-3": Family(
        {
            "architectures": ["Phi3ForCausalLM"],
            "model_type": "phi3",
            "pad_token_id": 3,
            "hidden_act": "silu",
            "num_key_value_heads": 4,
            "original_max_position_embeddings": 2048,
            "rope_scaling": None,
            "sliding_window": 511,
            "tie_word_embeddings": False,
            "attention_bias": False,
        },
        "pieces-prefixed",
        ("<unk>", "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"),
        True,
        "<s>",
        "<|endoftext|>",
        ("<|endoftext|>", "<|assistant|>", "<|end|>"),
        "phi-3",
        unknown="<unk>",
    ),
    "phi-4": Family(
        {
            "architectures": ["Phi3ForCausalLM"],
            "model_type": "phi3",
            "pad_token_id": 3,
            "hidden_act": "silu",
            "original_max_position_embeddings": 2048,
            "rope_scaling": None,
            "rope_theta": 250000,
            "sliding_window": None,
            "tie_word_embeddings": False,
            "attention_bias": False,
        },
        "gpt-4",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_sep|>"),
        False,
        "<|endoftext|>",
        "<|im_end|>",
        ("<|endoftext|>", "<|im_end|>"),
        "phi-4",
    ),
}
