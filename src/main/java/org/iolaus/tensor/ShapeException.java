package org.iolaus.tensor;

/// A program or its inputs break a rule of shapes: `<where>: want <contract>, got <value>`.
public final class ShapeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ShapeException(String message) {
        super(message);
    }
}
