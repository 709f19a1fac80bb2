package org.iolaus.config;

/// A configuration that cannot be used; the message names the file, the JSON path and what is wanted there.
public final class ConfigException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public ConfigException(String message) {
        super(message);
    }

    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
