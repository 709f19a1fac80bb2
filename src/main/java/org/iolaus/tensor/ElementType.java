package org.iolaus.tensor;

/// What an array holds. The executor chooses how a `FLOAT` is stored: in 64, 32 or 16 bits.
public enum ElementType {
    FLOAT,
    INDEX
}
