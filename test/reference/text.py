"""Two tiny tokenizers, their encodings by the Rust library, and chat templates rendered by transformers, for test/text/.

usage: python text.py [TEMPLATE_FOLDER]     writes text.json beside this file

With a folder of *.jinja files their renderings are stored too, as SHA-256 only: the templates are not ours to copy.
"""

import hashlib
import json
import platform
import random
import sys
from datetime import datetime
from pathlib import Path

import jinja2
import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils import chat_template_utils

SENTENCES = [
    "I was nervous about the talk, and then it went well after all.",
    "That sounds like a relief! Did you feel prepared?",
    "Not really. I kept thinking that they would see how little I know.",
    "It's hard to be new somewhere. What would help you now?",
    "My sister says I should rest, but I can't sleep and I'm tired of it.",
    "I hear you. Being tired makes everything else heavier, doesn't it?",
    "User: hello\nAssistant: hi, how are you feeling today?\n",
]
# Teaches the first tokenizer tokens by which the kinds of white space can be told.
SPACED = ["a \ufeffb \ufeffc \ufeff \u00a35 \u00ab \u00bb \u00bd"] * 10
ODD = [
    "",
    " ",
    "  two  spaces  ",
    "line\nline\n\nline\r\n\ttab",
    "caf\u00e9 or cafe\u0301, na\u00efve, stra\u00dfe",
    "\U0001f602\U0001f469\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1e9\U0001f1ea",
    "\u4e2d\u6587 \u0639\u0631\u0628\u064a \u05e9\u05dc\u05d5\u05dd \ud55c\uad6d\uc5b4",
    "a \ufeffb\ufeff c",
    "a \u0085b  \u0085 c \u2028 d",
    "\u00a0\u3000 wide \u200b zero",
    "it's IT'S they'll '\u017f",
    "<|im_start|>user\nhi<|im_end|>\n",
    "<s>again</s> and <s> again <unk>",
    "<0x41> \u2581 \u0120",
    "12345 \u00bd \u2167 \u0967\u0968",
    "...!?\u2026 \u201cquoted\u201d \u2014 dash",
    "x" * 300,
]

# Each uses other parts of the language: a loop with a BOS, trimming, a refusal, the date, a lead before the answer, an empty block of thoughts.
TEMPLATES = {
    "marked": """{{- bos_token }}
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>\\n' }}
{%- endfor %}
{{- '<|im_start|>assistant\\n' if add_generation_prompt else '' }}
""",
    "strict": """{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] + '\\n' %}{% set turns = messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}
{{ bos_token + 'Today is ' + strftime_now('%d %B %Y, %A %H:%M') + '. ' + system }}
{% for message in turns %}
  {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
    {{ raise_exception('roles must alternate') }}
  {% endif %}
  {% if message['role'] == 'user' %}
{{ '[Q] ' + message['content'] + ' [/Q]' }}
  {% else %}
{{ ' ' + message['content'] + eos_token }}
  {% endif %}
{% endfor %}""",
    "thinking": """{% set ns = namespace(last=-1) %}
{% for message in messages %}{% if message.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{% for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.role == 'assistant' %}
{% set content = message.content.split('</think>')[-1].lstrip('\\n') %}
{% if loop.index0 > ns.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{{ content }}<|im_end|>
{% else %}
{{ message.content }}<|im_end|>
{% endif %}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n<think>\\n' }}
{%- endif %}
""",
    "bare": "{% for message in messages %}{{ message.role | upper }}> {{ message.content }}\n{% endfor %}{% if add_generation_prompt %}ASSISTANT>{% endif %}",
}
CONVERSATIONS = {
    "question": [("user", "I lost my keys again.")],
    "answered": [("user", "I lost my keys again."), ("assistant", "Oh no, how annoying!")],
    "opened by system": [("system", "Be kind."), ("user", "Hi\nthere"), ("assistant", "Hello you."), ("user", "I'm sad \U0001f622"), ("assistant", "I'm sorry.\nWhat happened?")],
    "waiting": [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
    "spaces and quotes": [("user", "  \"it's\" <b>&amp;</b>  "), ("assistant", "\n{{ braces }} {% tags %}\n")],
    "odd order": [("assistant", "first"), ("assistant", "second"), ("user", "third")],
}
NOW = datetime(2026, 3, 5, 9, 7)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>"}


def special(text):
    return AddedToken(text, special=True, normalized=False)


def by_bytes():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(SENTENCES + SPACED, trainers.BpeTrainer(vocab_size=256 + 60, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_tokens([special("<|endoftext|>"), special("<|im_start|>"), special("<|im_end|>"), AddedToken("<think>", normalized=False)])
    tokenizer.enable_truncation(5)
    return tokenizer


def by_pieces():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    # Words are merged on their own, so that no token holds a space in its middle.
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    words.train_from_iterator(SENTENCES[:-1], trainers.BpeTrainer(vocab_size=110, show_progress=False))
    learnt = json.loads(words.to_str())["model"]
    vocab = {name: i for i, name in enumerate(names + sorted(learnt["vocab"], key=learnt["vocab"].get))}
    tokenizer.model = models.BPE(vocab=vocab, merges=[tuple(m) for m in learnt["merges"]], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer.add_special_tokens([special("<unk>"), special("<s>"), special("</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def encodings(tokenizer):
    tokenizer.no_truncation()
    rows = []
    for text in SENTENCES + ODD:
        ids = tokenizer.encode(text).ids
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        rows.append({"text": text, "ids": ids, "plain": plain, "decoded": tokenizer.decode(ids), "whole": tokenizer.decode(ids, skip_special_tokens=False)})
    return rows


def decodings(tokenizer, seed=0):
    """Ids as a model might give them: characters without their end, bytes out of order, ids that are no token."""
    draw = random.Random(seed)
    size = tokenizer.get_vocab_size()
    rows = []
    for _ in range(120):
        ids = [draw.randrange(size + 5) for _ in range(draw.randint(0, 9))]
        rows.append({"ids": ids, "decoded": tokenizer.decode(ids), "whole": tokenizer.decode(ids, skip_special_tokens=False)})
    return rows


class Clock(datetime):
    @classmethod
    def now(cls):
        return NOW


def render(source, messages, add_generation_prompt):
    """As `apply_chat_template` of transformers renders it: through its own function, with the clock stopped."""
    chat_template_utils.datetime = Clock
    conversation = [{"role": role, "content": content} for role, content in messages]
    try:
        texts, _ = chat_template_utils.render_jinja_template([conversation], chat_template=source, add_generation_prompt=add_generation_prompt, **TOKENS)
        return texts[0]
    except jinja2.exceptions.TemplateError:
        return None


def renderings(source, show):
    rows = []
    for name, messages in CONVERSATIONS.items():
        for prompt in (False, True):
            text = render(source, messages, prompt)
            shown = text if show or text is None else hashlib.sha256(text.encode()).hexdigest()
            rows.append({"conversation": name, "prompt": prompt, "text" if show else "sha256": shown})
    return rows


def main():
    bytes_config = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "clean_up_tokenization_spaces": True}
    pieces_config = {"add_bos_token": True, "bos_token": {"content": "<s>"}, "eos_token": {"content": "</s>"}, "pad_token": None}
    result = {"versions": {"python": platform.python_version(), "tokenizers": tokenizers.__version__, "transformers": transformers.__version__, "jinja2": jinja2.__version__}, "tokenizers": {}}
    for name, tokenizer, config in (("bytes", by_bytes(), bytes_config), ("pieces", by_pieces(), pieces_config)):
        source = json.loads(tokenizer.to_str())
        result["tokenizers"][name] = {"json": source, "config": config, "encodings": encodings(tokenizer), "decodings": decodings(tokenizer)}
    result["now"] = [NOW.year, NOW.month - 1, NOW.day, NOW.hour, NOW.minute]
    result["tokens"] = TOKENS
    result["conversations"] = {name: [{"role": role, "content": content} for role, content in turns] for name, turns in CONVERSATIONS.items()}
    result["templates"] = {name: {"source": source, "renderings": renderings(source, True)} for name, source in TEMPLATES.items()}
    if len(sys.argv) > 1:
        result["hashed"] = {path.name: renderings(path.read_text(), False) for path in sorted(Path(sys.argv[1]).glob("*.jinja"))}
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


main()
