"""What can be proven, and to whom: signing keys, checkpoints and proofs, manifests, their verifier, drift, erasure."""
