package org.iolaus.data.read;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// Takes the second line of an extended XYZ frame apart: `key=value` pairs and bare words.
///
/// A value is a word, a text in quotes, a list in braces or an array in brackets; inside quotes a backslash
/// protects the next character. Bare words, which are flags, are not kept.
final class CommentLine {
    private final String text;
    private final String where;
    private int at;

    private CommentLine(String text, String where) {
        this.text = text;
        this.where = where;
    }

    /// The values by key, as text.
    ///
    /// @throws DataException for an open quote or bracket, or a key that comes twice
    static Map<String, String> parse(String text, String where) {
        return new CommentLine(text, where).pairs();
    }

    /// The numbers in a value, or null if it holds anything else: `1.5`, `1 2 3`, `[[1, 2], [3, 4]]`, `_JSON
    /// [1, 2]`.
    static double @Nullable [] numbers(String value) {
        String list = value.startsWith("_JSON ") ? value.substring(6) : value;
        StringBuilder flat = new StringBuilder(list);
        for (int i = 0; i < flat.length(); i++) {
            if ("[]{},".indexOf(flat.charAt(i)) >= 0) {
                flat.setCharAt(i, ' ');
            }
        }
        List<Double> numbers = new ArrayList<>();
        for (String word : Numbers.words(flat.toString())) {
            Double number = Numbers.real(word);
            if (number == null) {
                return null;
            }
            numbers.add(number);
        }
        return numbers.isEmpty()
                ? null
                : numbers.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private Map<String, String> pairs() {
        Map<String, String> pairs = new LinkedHashMap<>();
        while (skipBlanks()) {
            String key = item("=");
            int afterKey = at;
            if (skipBlanks() && text.charAt(at) == '=') {
                at++;
                String value = skipBlanks() ? item("") : "";
                if (pairs.putIfAbsent(key, value) != null) {
                    throw new DataException(where + ": want each key once, got " + Numbers.shown(key) + " again");
                }
            } else {
                at = afterKey;
            }
        }
        return pairs;
    }

    private boolean skipBlanks() {
        while (at < text.length() && text.charAt(at) <= ' ') {
            at++;
        }
        return at < text.length();
    }

    /// A quoted text, a bracketed list, or a word that ends at a blank or one of `ends`.
    private String item(String ends) {
        char first = text.charAt(at);
        if (first == '"' || first == '\'') {
            return quoted(first);
        }
        if (first == '{' || first == '[') {
            return bracketed();
        }
        int start = at;
        while (at < text.length() && text.charAt(at) > ' ' && ends.indexOf(text.charAt(at)) < 0) {
            at++;
        }
        if (at == start) {
            throw new DataException(where + ": want a key before '=', got none in column " + (at + 1));
        }
        return text.substring(start, at);
    }

    private String quoted(char quote) {
        int start = at++;
        StringBuilder value = new StringBuilder();
        while (at < text.length() && text.charAt(at) != quote) {
            if (text.charAt(at) == '\\' && at + 1 < text.length()) {
                at++;
            }
            value.append(text.charAt(at++));
        }
        if (at == text.length()) {
            throw new DataException(
                    where + ": want a closing " + quote + " for the one in column " + (start + 1) + ", got none");
        }
        at++;
        return value.toString();
    }

    private String bracketed() {
        int start = at;
        int depth = 0;
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '{' || c == '[') {
                depth++;
            } else if ((c == '}' || c == ']') && --depth == 0) {
                return text.substring(start, at);
            }
        }
        throw new DataException(where + ": want a closing bracket for column " + (start + 1) + ", got none");
    }
}
