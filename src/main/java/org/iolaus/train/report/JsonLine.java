package org.iolaus.train.report;

/// Builds one flat JSON object on one line, keys in the order given.
public final class JsonLine {
    private final StringBuilder text = new StringBuilder("{");

    public JsonLine put(String key, String value) {
        return raw(key, quote(value));
    }

    public JsonLine put(String key, long value) {
        return raw(key, Long.toString(value));
    }

    /// The shortest number that reads back as the same double; `null` for NaN and infinities, which JSON does not have.
    public JsonLine put(String key, double value) {
        return raw(key, Double.isFinite(value) ? Double.toString(value) : "null");
    }

    /// A value that is JSON already; its line breaks, which can only be layout, become blanks.
    public JsonLine raw(String key, String json) {
        text.append(text.length() > 1 ? "," : "").append(quote(key)).append(':');
        text.append(json.replace('\r', ' ').replace('\n', ' '));
        return this;
    }

    @Override
    public String toString() {
        return text + "}";
    }

    private static String quote(String value) {
        StringBuilder quoted = new StringBuilder("\"");
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            switch (c) {
                case '"', '\\' -> quoted.append('\\').append(c);
                case '\n' -> quoted.append("\\n");
                case '\t' -> quoted.append("\\t");
                default -> quoted.append(c < ' ' ? "\\u%04x".formatted((int) c) : Character.toString(c));
            }
        }
        return quoted.append('"').toString();
    }
}
