# shellcheck shell=bash
# Shared by the scripts beside it, which read it with `source`. Not a program.
#
# Sets `root` (the top folder of the package) and defines:
#   say TEXT…            one line on standard error
#   die TEXT…            the same, and exit 1
#   show_usage           print the comment at the top of the calling script
#   need COMMAND…        die unless every command is there
#   sha256 FILE          the digest in hexadecimal, nothing else
#   program_path         the built release program; dies when there is none
#   python_with VERSION… a Python whose environment holds the given pip requirements

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$(basename "$0"): $*"
  exit 1
}

# The usage text is the comment that every script opens with, up to the first line that is none.
show_usage() {
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"
}

need() {
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null || die "'$command' is needed and is not on the PATH"
  done
}

sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1" | cut -d ' ' -f 1
  else
    shasum -a 256 "$1" | cut -d ' ' -f 1
  fi
}

program_path() {
  local program=${TOKENIZE_PROGRAM:-$root/.build/release/tokenize}
  [ -x "$program" ] || die "there is no program at $program: run 'make build' first"
  printf '%s\n' "$program"
}

# Makes (or finds again) a virtual environment below .build/peers, one for each set of requirements,
# and prints the path of its Python. TOKENIZE_PEERS puts the folder elsewhere.
python_with() {
  need python3
  local folder name environment
  folder=${TOKENIZE_PEERS:-$root/.build/peers}
  name=$(printf '%s-' "$@" | tr -c 'A-Za-z0-9.\n' '-')
  environment=$folder/${name%-}
  if [ ! -e "$environment/complete" ]; then
    say "Making a Python environment with $*"
    rm -rf "$environment"
    mkdir -p "$folder"
    python3 -m venv "$environment" >&2 ||
      die "python3 cannot make a virtual environment (on Debian: apt-get install python3-venv)"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 ||
      die "pip could not install: $*"
    touch "$environment/complete"
  fi
  printf '%s\n' "$environment/bin/python"
}
