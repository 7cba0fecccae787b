#!/usr/bin/env bash
# Arguments: a version ("stable" for the newest release), or "checkout" and the path of a checkout.
set -e
HERE=$(dirname "$0")
VERSION=${1:-stable}
CHECKOUT=$2
PLUGINS="lightgbm xgboost catboost skrub"

. "$HERE/.setup/setup_env"
. "$AMLB_ROOT/frameworks/shared/setup.sh" "$HERE" true

if [[ "$VERSION" == "checkout" ]]; then
    PIP install "$CHECKOUT"
    for plugin in $PLUGINS; do PIP install "$CHECKOUT/plugins/metaauto-$plugin"; done
else
    [[ "$VERSION" == "stable" ]] && PIN="" || PIN="==$VERSION"
    PIP install -U "metaauto$PIN"
    for plugin in $PLUGINS; do PIP install -U "metaauto-$plugin$PIN"; done
fi

PY -c "import metaauto; print(metaauto.__version__)" >> "$HERE/.setup/installed"
