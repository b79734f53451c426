#!/usr/bin/env bash
# What the CI runs, and anybody before a commit. No weights are needed.
set -euo pipefail
cd "$(dirname "$0")"

status=0
tenon lint rules --against headers/llama.json --format "${LINT_FORMAT:-text}" || status=1
tenon plan headers/llama.json --rules rules/my_llama.yaml --check plans/llama.plan || status=1
exit $status
