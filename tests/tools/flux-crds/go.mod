// Flux's CRDs lie in this module (config/crd/bases). Nothing of it is built, so only its own sums are needed.
module postern.dev/tests/tools/flux-crds

go 1.26.0

require github.com/fluxcd/source-controller v1.9.1
