# tenon parity --check: a report holds as long as the checkpoints are those that were compared.
. "$(dirname "$0")/lib.sh"

make_checkpoint llama --model llama
expect_status 0 tenon convert llama fused --fuse gate_up
expect_status 0 tenon parity llama fused --fuse gate_up --report report
expect_status 0 tenon parity --check report/report.json
expect_text out 'report/report.json: HOLDS: 2 modules'

# Moved, they are named; a fused checkpoint that came later is held against what the plan made then.
mv fused elsewhere
expect_refused fused -- tenon parity --check report/report.json
expect_status 0 tenon parity --check report/report.json llama elsewhere
expect_status 0 tenon parity llama --fuse gate_up --report planned
expect_status 0 tenon parity --check planned/report.json llama elsewhere --json
python3 -c 'import json; r = json.load(open("out")); assert r["holds"] and len(r["checkpoints"]) == 2'

# One bit.
python3 "$root/tests/cli/edit_bytes.py" elsewhere model.layers.0.mlp.gate_up_proj.weight flip
expect_status 1 tenon parity --check report/report.json llama elsewhere
expect_text out 'model.layers.0.mlp.gate_up_proj.weight: its bytes have changed'
expect_text out FAILS
expect_status 0 tenon parity --check planned/report.json
python3 "$root/tests/cli/edit_bytes.py" llama model.layers.1.mlp.down_proj.weight flip
expect_status 1 tenon parity --check planned/report.json
expect_text out 'model.layers.1.mlp.down_proj.weight: its bytes have changed'

# A report whose verdict was edited is none.
expect_status 1 tenon parity llama elsewhere --fuse gate_up --report failing
sed 's/^  "holds": false/  "holds": true/' failing/report.json >edited.json
expect_refused edited.json 'its verdict does not follow from its modules' -- tenon parity --check edited.json llama elsewhere
expect_refused 'it is no parity report' -- tenon parity --check llama/config.json
expect_refused ORIGINAL -- tenon parity
