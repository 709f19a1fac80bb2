package org.iolaus.tensor;

/// What an array holds; how a `FLOAT` is stored (64, 32 or 16 bits) is the executor's choice.
public enum ElementType {
    FLOAT,
    INDEX
}
