package org.iolaus.lower;

/// Which arrays of a schedule are stored in bfloat16: the rule is [Narrow]'s.
public enum Narrowing {
    /// None.
    NONE,
    /// Large ones that were computed from parameters, and the operands of their products.
    LARGE,
    /// All that may be, however small: every kernel's narrow form in one small test.
    ALL
}
