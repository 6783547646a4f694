"""Prints what scripts/bench-peers measured: medians, ratios, and the floors that ours should reach."""

import statistics

# How many times the rate of the fastest other one ours should have: (first pass, later passes).
FLOORS = {
    ("encode", "gpt2", "english"): (2.0, 1.6),
    ("encode", "gpt2", "code"): (1.6, 1.75),
    ("encode", "gpt2", "multilingual"): (1.5, 1.75),
    ("portable", "gpt2", "english"): (None, 1.0),
}
OTHER_VOCABULARIES = (1.5, 1.5)
TWO_THREADS = 1.8
SCRIPT = {"english-100MB": 5.0, "tinyshakespeare": 25.0}
ONE_WORD = {"gpt2": 0.010, "cl100k": 0.020, "o200k": 0.040}
TEN_TIMES = 12.0
MEMORY = 120e6


def median(values):
    return statistics.median(values) if values else None


def table(results):
    rows = results["rows"]
    lines = [
        f"Commit {results['commit']}, {results['date']}, {results['machine']['processor']}, "
        f"{results['machine']['cores']} cores.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
    ]
    if results["missing"]:
        lines.append("Could not be installed here, and so not compared: " + ", ".join(results["missing"]) + ".")
    lines.append("")
    for suite in ("encode", "slow", "portable"):
        lines += rates([row for row in rows if row["suite"] == suite], suite)
    lines += threads([row for row in rows if row["suite"] == "threads"])
    lines += programs([row for row in rows if row["suite"] == "program"])
    lines += pathological([row for row in rows if row["suite"] == "pathological"])
    return "\n".join(lines)


def rate(row, kind):
    seconds = median(row[kind])
    return row["bytes"] / seconds / 1e6 if seconds else None


def shown(value, unit=""):
    if value is None:
        return "-"
    return (f"{value:.0f}" if value >= 100 else f"{value:.3g}") + unit


def ids(row):
    return {True: "same", False: "OTHER", None: "not known"}[row["same"]]


def verdict(ratio, floor):
    if ratio is None or floor is None:
        return "-"
    return f"{floor:g} {'reached' if ratio >= floor else 'MISSED'}"


def groups(rows):
    found = {}
    for row in rows:
        found.setdefault((row["vocab"], row["corpus"]), []).append(row)
    return found.items()


def best(rows, kind):
    """The fastest exact one that is not ours."""
    rates = [rate(row, kind) for row in rows if not row["contender"].startswith("ours") and row["same"] is not False]
    return max([value for value in rates if value], default=None)


def divided(a, b):
    return a / b if a and b else None


def rates(rows, suite):
    if not rows:
        return []
    lines = [f"{suite}, one thread, MB/s (ratio: ours to the fastest other one)", "",
             "| vocabulary | text | | first pass | later | ratio first | floor | ratio later | floor | load ms | ids |",
             "| --- | --- | --- | ---: | ---: | ---: | --- | ---: | --- | ---: | --- |"]
    for (vocab, corpus), group in groups(rows):
        floors = FLOORS.get((suite, vocab, corpus), OTHER_VOCABULARIES if suite == "encode" and vocab != "gpt2" else (None, None))
        for row in group:
            cells = [vocab, corpus, row["contender"]]
            if row["failed"]:
                lines.append("| " + " | ".join(cells + [row["failed"]] + [""] * 7) + " |")
                continue
            cells += [shown(rate(row, "cold")), shown(rate(row, "warm"))]
            for kind, floor in zip(("cold", "warm"), floors):
                ratio = divided(rate(row, kind), best(group, kind)) if row["contender"] == "ours" else None
                cells += [shown(ratio), verdict(ratio, floor)] if ratio else ["", ""]
            cells += [shown(median(row["load"]) * 1000), ids(row)]
            lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


def threads(rows):
    if not rows:
        return []
    lines = ["Two threads, MB/s (ratio: to ours on one thread)", "",
             "| text | | first pass | later | ratio first | ratio later | floor | ids |",
             "| --- | --- | ---: | ---: | ---: | ---: | --- | --- |"]
    for (_, corpus), group in groups(rows):
        one = next((row for row in group if row["contender"] == "ours, 1 thread"), None)
        for row in group:
            if row["failed"]:
                lines.append(f"| {corpus} | {row['contender']} | {row['failed']} | | | | | |")
                continue
            cold, warm = (divided(rate(row, kind), rate(one, kind)) for kind in ("cold", "warm"))
            floor = TWO_THREADS if row["contender"] == "ours" and corpus == "english-100MB" else None
            lines.append(
                f"| {corpus} | {row['contender']} | {shown(rate(row, 'cold'))} | {shown(rate(row, 'warm'))} "
                f"| {shown(cold)} | {shown(warm)} | {verdict(warm, floor)} | {ids(row)} |")
    return lines + [""]


def programs(rows):
    if not rows:
        return []
    lines = ["Whole processes, from start to end, two threads where nothing else is said", "",
             "| vocabulary | text | | ms | MB/s | peak memory MB | ratio | floor | answer |",
             "| --- | --- | --- | ---: | ---: | ---: | ---: | --- | --- |"]
    for (vocab, corpus), group in groups(rows):
        times = {row["contender"]: median(row["cold"]) for row in group}
        script = min([value for name, value in times.items() if "gigatoken" in name and value], default=None)
        for row in group:
            name, time = row["contender"], times[row["contender"]]
            if row["failed"]:
                lines.append(f"| {vocab} | {corpus} | {name} | {row['failed']} | | | | | |")
                continue
            ratio, floor = None, None
            if name == "ours to u16":
                ratio, floor = divided(script, time), SCRIPT.get(corpus)
            elif name == "ours from u16":
                ratio, floor = divided(times.get("ours to u16"), time), 1.0
            elif name == "ours to text":
                ratio, floor = divided(times.get("ours to u16"), time), 0.5
            judged = verdict(ratio, floor)
            if name == "ours, one word":
                limit = ONE_WORD[vocab]
                judged = f"{limit * 1000:g} ms {'reached' if time <= limit else 'MISSED'}"
            memory = max(row["memory"])
            if name == "ours to u16" and memory > MEMORY:
                judged += f"; memory over {MEMORY / 1e6:.0f} MB"
            answer = {True: "right", False: "WRONG", None: "not checked"}[row["same"]]
            lines.append(
                f"| {vocab} | {corpus} | {name} | {shown(time * 1000)} | {shown(row['bytes'] / time / 1e6)} "
                f"| {memory / 1e6:.0f} | {shown(ratio)} | {judged} | {answer} |")
    return lines + [""]


def pathological(rows):
    if not rows:
        return []
    names = list(dict.fromkeys(row["contender"] for row in rows))
    lines = ["One piece without a place to cut, MB/s of a first pass (* ids differ)", "",
             "| vocabulary | text | " + " | ".join(names) + " | ratio | floor | ten times the text takes |",
             "| --- | --- |" + " ---: |" * len(names) + " ---: | --- | --- |"]
    seconds = {(row["vocab"], row["corpus"]): median(row["cold"]) for row in rows if row["contender"] == "ours"}
    for (vocab, corpus), group in groups(rows):
        found = {row["contender"]: row for row in group}
        cells = []
        for name in names:
            row = found.get(name)
            if row is None:
                cells.append("")
            elif row["failed"]:
                cells.append(row["failed"])
            else:
                cells.append(shown(rate(row, "cold")) + ("*" if row["same"] is False else ""))
        ratio = divided(rate(found["ours"], "cold"), best(group, "cold")) if "ours" in found else None
        small = seconds.get((vocab, corpus.replace("-10MB", "-1MB")))
        growth = divided(seconds.get((vocab, corpus)), small) if corpus.endswith("-10MB") else None
        grown = f"{growth:.1f} times {'' if growth <= TEN_TIMES else 'MISSED'}".strip() if growth else ""
        lines.append(f"| {vocab} | {corpus} | " + " | ".join(cells) + f" | {shown(ratio)} | {verdict(ratio, 1.0)} | {grown} |")
    return lines + [""]
