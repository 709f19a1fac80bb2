package org.iolaus.lower;

/// What a schedule is made for: it decides what is fused and what is computed again.
public enum Target {
    /// The host: arithmetic is dear beside memory. Chains of pointwise operations are loops, all else is an operation
    /// of its own.
    HOST,
    /// A GPU: memory traffic and launches are dear, arithmetic is nearly free. Sums are fused with what they sum and
    /// with what uses them; cheap values are computed again instead of written; short axes are unrolled.
    DEVICE
}
