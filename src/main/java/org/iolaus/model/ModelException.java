package org.iolaus.model;

/// A model that cannot be built as configured; the message names the key and what is wanted there.
public final class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public ModelException(String message) {
        super(message);
    }
}
