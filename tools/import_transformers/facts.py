"""What cannot be read from the package: settings that make a class buildable, part sizes, one sentence per entry."""

import re


def config_for(name, config_class):
    """A config of `config_class` that the class `name` can be built from."""
    settings = CONFIGS.get(name, CONFIGS.get(config_class.model_type, {}))
    return settings(config_class) if callable(settings) else config_class(**settings)


def complete(entry, t):
    """A transform with what Tenon adds: sizes of joined parts, the shape behind check_dims, forward only."""
    if entry in FORWARD_ONLY:
        return t | {"forward_only": True}
    if "operations" not in t:
        return t
    key = (entry, t["target_patterns"][0])
    operations = []
    for op in t["operations"]:
        if op["op"] == "Concatenate" and "num_shards_attribute" not in op:
            op = op | {"sizes": SIZES.get(key, "equal")}
        if op.get("check_dims"):
            op = op | {"target_shape": SHAPES[key]}
        operations.append(op)
    return t | {"operations": operations}


def parts(**model_types):
    """Settings with a default sub-config of each given model type."""

    def make(config_class):
        from transformers import AutoConfig

        return config_class(**{name: AutoConfig.for_model(t).to_dict() for name, t in model_types.items()})

    return make


def typed(pattern, count, **more):
    return {"layer_types": [pattern[i % len(pattern)] for i in range(count)], "num_hidden_layers": count, **more}


QWEN4_EXP = {
    "hidden_size": 32, "head_dim": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3,
    "hc_count": 4, "hc_lowrank": 8, "ple_layer_ids": [1], "ple_conv_kernel_size": 4, "number_of_conv_states": 1,
    "heads_per_ngram": 2, "ngram_size": 3, "ngram_vocab_size_base": 50, "split_ngram_parts": 4, "make_ngram_vocab_size_divisible_by": 8,
    "layer_types": ["linear_attention", "qwen_sparse_attention", "linear_attention"], "seed": 1234, "eos_token_id": 1,
    "indexer_budget": 8, "indexer_compress_ratio": 4, "indexer_head_dim": 8, "indexer_kv_heads": 1, "indexer_n_heads": 2,
}  # fmt: skip

SAPIENS2_HEAD = {"head_config": {"upsample_out_channels": [64, 64], "conv_out_channels": [64, 64]}}

# {class or model type: settings}; only what the defaults lack.
CONFIGS = {
    "aya_vision": {"vision_config": {"model_type": "siglip_vision_model"}},
    "BeitForSemanticSegmentation": {"out_indices": [3, 5, 7, 11]},
    "deepseek_ocr2": {"text_config": {"mlp_layer_types": ["dense"] + ["sparse"] * 31}},
    "deepseek_ocr2_text": {"mlp_layer_types": ["dense"] + ["sparse"] * 31},
    "dots1": {"n_routed_experts": 8, "n_shared_experts": 1},
    "edgetam": {"vision_config": {"backbone_config": {"model_type": "timm_wrapper", "architecture": "repvit_m1"}}},
    "edgetam_vision_model": {"backbone_config": {"model_type": "timm_wrapper", "architecture": "repvit_m1"}},
    "dpt": parts(backbone_config="swin"),
    "emu3": {"vocabulary_map": {"<image>": 151642}},
    "encoder-decoder": parts(encoder="bert", decoder="bert"),
    "esm": {"vocab_size": 33, "pad_token_id": 1},
    "granite4_vision": {
        "text_config": {"model_type": "granite"},
        "deepstack_layer_map": [[3, 0]],
        "downsample_rate": "4/8",
    },
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "hunyuan_vl": {"text_config": {"head_dim": 128}},
    "hunyuan_vl_text": {"head_dim": 128},
    "idefics3": {"pad_token_id": 0, "text_config": {"model_type": "llama", "vocab_size": 32000, "pad_token_id": 0}},
    "smolvlm": {"pad_token_id": 0, "text_config": {"model_type": "llama", "vocab_size": 32000, "pad_token_id": 0}},
    "lfm2_moe": typed(["conv", "full_attention"], 4),
    "perception_lm": {
        "vision_config": {
            "model_type": "timm_wrapper",
            "architecture": "vit_pe_core_large_patch14_336",
            "model_args": {"embed_dim": 1024},
        }
    },
    "qwen4_exp": {"text_config": QWEN4_EXP},
    "qwen4_exp_text": QWEN4_EXP,
    "qwen3_omni_moe": {
        "talker_config": {"spatial_merge_size": 2, "text_config": {"shared_expert_intermediate_size": 1024}}
    },
    "qwen3_omni_moe_talker": {"spatial_merge_size": 2, "text_config": {"shared_expert_intermediate_size": 1024}},
    "qwen3_omni_moe_talker_text": {"shared_expert_intermediate_size": 1024},
    "sapiens2": SAPIENS2_HEAD,
    "speech-encoder-decoder": parts(encoder="wav2vec2", decoder="bert"),
    "vision-encoder-decoder": parts(encoder="vit", decoder="gpt2"),
    "vitmatte": {"fusion_hidden_sizes": [256, 128, 64, 32]},
    "vision-text-dual-encoder": parts(vision_config="clip_vision_model", text_config="bert"),
}

# Model types that are put together from other models (a backbone, a text model, an encoder and a decoder), and are
# published with several.
COMPOSED = {
    "blip-2", "depth_anything", "dpt", "encoder-decoder", "grounding-dino", "instructblip", "instructblipvideo",
    "mask2former", "maskformer", "mm-grounding-dino", "omdet-turbo", "oneformer", "prompt_depth_anything", "speech-encoder-decoder", "tvp", "upernet",
    "vision-encoder-decoder", "vision-text-dual-encoder", "vitmatte", "vitpose", "zoedepth",
}  # fmt: skip

# True sizes of the parts that a Concatenate joins, where they are not equal: {(entry, target pattern): sizes}.
SIZES = {
    ("olmo_hybrid", "linear_attn.conv1d.weight"): [
        "${config.linear_num_key_heads * config.linear_key_head_dim}",
        "${config.linear_num_key_heads * config.linear_key_head_dim}",
        "${config.linear_num_value_heads * config.linear_value_head_dim}",
    ],
}

# The fused layout's shape of what a Transpose with check_dims makes: {(entry, target pattern): shape}.
SHAPES = {
    ("qwen3_vl_moe", "mlp.experts.gate_up_proj"): [
        None,
        "${2 * config.text_config.moe_intermediate_size}",
        "${config.text_config.hidden_size}",
    ],
    ("qwen3_vl_moe", "mlp.experts.down_proj"): [
        None,
        "${config.text_config.hidden_size}",
        "${config.text_config.moe_intermediate_size}",
    ],
}

# Names of before transformers 3, which nobody wants back.
FORWARD_ONLY = {"legacy"}

LOOSE = "the reference's own pattern is as loose"


def silenced(transforms):
    """What lint is to accept in a file that did not exist before: the reference leaves many dots unescaped."""
    bare_dot = any(has_bare_dot(p) for t in transforms for p in t.get("source_patterns", []))
    return [{"finding": "unescaped-dot", "reason": LOOSE}] if bare_dot else []


def has_bare_dot(pattern):
    """A dot that stands for any character though a dot is meant: not escaped, not repeated, and no `*.` of a list."""
    text = re.sub(r"\\.|\[[^]]*\]|\.[*+]|\*\.", "", pattern)
    return "." in text


# What an entry's transforms do.
DOES = {
    "BeitBackbone": "the feature pyramid's modules get names, and the encoder moves below `beit`",
    "BeitForSemanticSegmentation": "convolutions, norms and pooling blocks of the segmentation heads get names",
    "BeitModel": "ViT's names, and a relative position bias for each layer",
    "CLIPTextModel": "the level `text_model` falls away",
    "CLIPVisionModel": "the level `vision_model` falls away",
    "ConditionalDetrModel": "projections move into their attention, the feed-forward layers into `mlp`",
    "DetrForSegmentation": "the mask head's numbered layers get names",
    "DetrModel": "attention's `out_proj` becomes `o_proj`, and the feed-forward layers move into `mlp`",
    "Emu3Model": "one level less in the text model",
    "GPTNeoXForCausalLM": "the head's old name",
    "GraniteSpeechModel": "one level less in the language model",
    "LlavaModel": "one level less in the language model",
    "MtpModel": "a multi-token-prediction head saved on its own, from several publishers' names",
    "Qwen2AudioModel": "one level less in the language model",
    "Qwen2VLForConditionalGeneration": "text and vision model move below `model`",
    "Qwen2VLModel": "the text model moves below `language_model`",
    "RfDetrForInstanceSegmentation": "everything but the segmentation head moves below `model`, and that head's blocks get names",
    "RfDetrForObjectDetection": "everything moves below `model`",
    "RfDetrModel": "the publisher's backbone, projector and decoder names; one qkv tensor becomes q, k and v",
    "Sapiens2ForImageMatting": "the matting head's numbered layers get names",
    "Sapiens2ForNormalEstimation": "the normal head's numbered layers get names",
    "Sapiens2ForPointmapEstimation": "the pointmap and scale heads' numbered layers get names",
    "Sapiens2ForPoseEstimation": "the pose head's numbered layers get names",
    "Sapiens2ForSemanticSegmentation": "the segmentation head's numbered layers get names",
    "SegformerForSemanticSegmentation": "the decode head's projections get their list's name",
    "SegformerModel": "the encoder's lists become stages, with the names of today's attention and MLP",
    "SwinBackbone": "a backbone saved without its `swin` level gets it",
    "Tipsv2DptForDepthEstimation": "the dense head becomes neck and decoder",
    "Tipsv2DptForNormalEstimation": "the dense head becomes neck and decoder",
    "Tipsv2DptForSemanticSegmentation": "the dense head becomes neck and decoder",
    "Tipsv2TextModel": "OpenCLIP's text names; one qkv tensor becomes q, k and v",
    "Tipsv2VisionModel": "the publisher's ViT names; one qkv tensor becomes q, k and v",
    "ViTMAEForPreTraining": "the decoder's attention and MLP get ViT's names of today",
    "ViTMSNForImageClassification": "an encoder saved without its `vit` level gets it",
    "ViTModel": "the first ViT's layer, attention and MLP names become those of today",
    "altclip": "the list `layer` becomes `layers`",
    "axk1": "the experts of Qwen2-MoE, and the MoE's output norm moves into the MLP",
    "axk2": "the experts of Qwen2-MoE, and the names of gated norms and query gate",
    "cohere_asr": "NeMo's encoder and decoder names",
    "colqwen2": "the level `model` inside `vlm` falls away",
    "cosmos3_edge": "the reasoner's text tower moves below `model.language_model`, with attention and MLP names",
    "cosmos3_omni": "text and vision towers move below `model`, with Qwen3-VL's attention names",
    "d_fine": "attention's `out_proj` becomes `o_proj`, and the feed-forward layers become a list in `mlp`",
    "deepseek_ocr2": "SAM encoder, vision encoder and projector get their places; per-expert Linears become stacked experts",
    "deepseek_v4": "the publisher's short names become today's; per-expert w1, w2, w3 become stacked experts",
    "deformable_detr": "attention's `out_proj` becomes `o_proj`, and the feed-forward layers move into `mlp`",
    "dinov3_convnext": "the stages move below `model`",
    "dinov3_vit": "the layers move below `model`",
    "emu3": "text model and image tokenizer move below `model`",
    "ernie4_5_moe": "the experts of Qwen2-MoE, and the router's bias moves to the gate",
    "ernie4_5_vl_moe": "one list of experts becomes stacked text and vision experts; vision tower and resampler get names",
    "esm": "one rotary table for all layers, and the oldest LayerNorm names",
    "exaone_moe": "the experts of Qwen2-MoE, and the router's bias moves to the gate",
    "fuyu": "language model and image embedding move below `model`",
    "gemma4_unified": "the vision embedder's parts move into `embed_vision`",
    "glm5_next": "per-expert Linears become stacked experts, three short convolutions one; hyper-connections get names",
    "granite_speech": "language model, encoder and projector move below `model`",
    "granitemoe": "the experts' names of today; they were stacked from the start",
    "hrm_text": "fused gate/up and gate/q/k/v projections come apart",
    "hunyuan_vl": "vision tower and language model get their places",
    "hy_v3": "the experts of Qwen2-MoE, and the names of router and shared experts",
    "hy_v4": "attention gate, sinks and hyper-connections get the names of DeepSeek-V4",
    "inkling_mm_model": "towers, attention and convolutions get names; interleaved gate/up tensors are put in halves or come apart",
    "jamba": "per-expert Linears become stacked experts",
    "jina_embeddings_v3": "layer and norm names of today; one qkv tensor becomes q, k and v",
    "kimi_k25": "towers move below `model`; vision qkv comes apart with rows permuted for RoPE; the experts of Qwen2-MoE",
    "kimi_linear": "per-expert w1, w2, w3 become stacked experts, three short convolutions one; the forget gate gets its module",
    "laguna": "the experts of Qwen2-MoE, and the names of router bias and shared experts",
    "legacy": "old names of LayerNorm and weight norm, for any model, with `--rules auto --rules legacy`",
    "lfm2_moe": "per-expert w1, w2, w3 become stacked experts",
    "llava": "towers and projector move below `model`",
    "llava_next": "LLaVA's names, and the newline embedding moves below `model`",
    "lw_detr": "the attention projections' names of today",
    "maskformer": "the decoder's feed-forward layers move into `mlp`",
    "mimo_v2_flash": "the experts of Qwen2-MoE, and the name of the attention sinks",
    "minimax_m2": "Mixtral's experts, and the router's bias",
    "minimax_m3_vl": "towers get their places; per-expert w1, w2, w3 become stacked experts, gate and up projections one",
    "mixtral": "per-expert w1, w2, w3 become stacked experts in `mlp`",
    "mllama": "language and vision model and projector move below `model`",
    "nemotron_h": "the level `backbone` becomes `model`, and per-expert Linears become stacked experts",
    "nomic_bert": "layer, norm and MLP names of today; one qkv tensor becomes q, k and v",
    "olmo_hybrid": "norm names of today, and three short convolutions of unequal width become one",
    "paddleocr_vl": "vision tower, projector and language model get their places below `model`",
    "phimoe": "per-expert w1, w2, w3 become stacked experts, and the gate becomes the router",
    "pi0": "the PaliGemma and the action expert move below `model`, with the names of their embeddings",
    "pixio": "ViT's names, norms by what they come before, and the encoder moves below `pixio`",
    "qianfan_ocr": "InternVL's names become today's; one qkv tensor becomes q, k and v",
    "qwen2_audio": "language model, audio tower and projector move below `model`",
    "qwen2_moe": "per-expert gate, up and down Linears become stacked experts",
    "qwen3_5_text": "a text model saved inside its vision-language model loses the level `language_model`",
    "qwen3_vl_moe": "stacked experts that were saved transposed are turned",
    "qwen4_exp_text": "Qwen3.5-MoE's text model, and the shards of the n-gram embedding are joined",
    "radio": "the publisher's patch generator and blocks; one qkv tensor becomes query, key and value",
    "rt_detr": "attention's `out_proj` becomes `o_proj`, the feed-forward layers move into `mlp`, the encoder into `aifi`",
    "sam3_tracker": "the tracker's part of a whole SAM 3 checkpoint",
    "sapiens2": "the publisher's names; fused gate/up tensors come apart",
    "shieldgemma2": "one more level `model`",
    "step3p5_vision": "CLIP's ViT names; one qkv tensor becomes q, k and v with rows permuted for RoPE",
    "step3p7": "towers get their places, and the stacked gate and up experts become one tensor",
    "swin": "attention and MLP names of today",
    "t5gemma2_encoder": "the text half moves below `text_model`",
    "timesfm2_5": "the feed-forward layers' names of today",
    "timm_wrapper": "a timm model saved by timm moves below `timm_model`",
    "tipsv2": "text and vision encoder get their names of today",
    "tipsv2_dpt": "the dense heads become neck and decoders",
    "vibevoice_asr": "language model, tokenizers and projector move below `model`",
    "video_llava": "towers and projector move below `model`",
}


def no_class(entry):
    """Why no class that can be built uses a registry entry."""
    return NO_CLASS.get(entry, "no model class of the package uses this entry")


NO_CLASS = {
    "PPChart2TableModel": "models of the type pp_chart2table are built of GotOcr2 classes",
    "MtpModel": "a head that the package builds out of another model while it generates; it has no class of its own",
    "legacy": "added to every model; here an include of its own",
    "mlcd": "classes of this model have the model type mlcd_vision_model; the entry serves configs that still say mlcd",
    "mlcd_vision": "classes of this model have the model type mlcd_vision_model",
    "xCLIPTextModel": "the class is spelled XCLIPTextModel",
    "xCLIPVisionModel": "the class is spelled XCLIPVisionModel",
}
