# report.html as a browser shows it: the verdict first, then what it rests on. Needs Chromium.
. "$(dirname "$0")/lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "there is no Chromium here"

page_text() { # FILE: the text that the page shows, tags taken off
  timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$scratch/profile" --dump-dom "file://$PWD/$1" \
    2>/dev/null >dom || skip "Chromium does not start here"
  python3 - <<'EOF' >text
import html, re
dom = open("dom").read()
dom = re.sub(r"(?s)<(style|title)>.*?</\1>", "", dom)
print(re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", dom))))
EOF
}

make_checkpoint mixtral --model mixtral
export SOURCE_DATE_EPOCH=1767225600
expect_status 0 tenon parity mixtral --seed 7 --report report
page_text report/report.html
for words in '2026-01-01 00:00 UTC' 'tenon parity mixtral --seed 7 --report report' '0.98 is as right as 0.02' 'made to be checked and not to be fast' 'original weights 50 tensors, xxh3-128:'; do
  expect_text text "$words"
done
expect_no_text text 'as fast'
python3 - <<'EOF'
text = open("text").read()
order = ["The fused modules compute what the original ones do", "2 of 2 modules pass all five checks", "bytes", "power",
         "Rho by layer", "Worst element", "Errors", "Speed", "Modules", "model.layers.0.mlp", "model.layers.1.mlp", "Made with", "seed"]
place = 0
for words in order:
    assert words in text[place:], f"'{words}' is missing, or not in its place"
    place = text.index(words, place)
dom = open("dom").read()
assert "<script" not in dom and "src=" not in dom, "the page needs nothing else"
EOF

expect_status 0 tenon convert mixtral fused
python3 "$root/tests/cli/edit_bytes.py" fused model.layers.1.mlp.experts.down_proj flip
expect_status 1 tenon parity mixtral fused --report failing
page_text failing/report.html
expect_text text 'The fused modules do not compute what the original ones do'
expect_text text '1 of 2 modules pass all five checks'
grep -q '<details id="m1" open' dom || fail "the failing module is not open"
