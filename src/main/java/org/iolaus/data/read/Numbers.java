package org.iolaus.data.read;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Numbers as they stand in data files: decimal, with an exponent marked by `e` or Fortran's `d`.
final class Numbers {
    private Numbers() {}

    /// The value of a token (`nan` and `inf` included), or null if it is not a number.
    static @Nullable Double real(String token) {
        boolean digits = false;
        boolean fortran = false;
        for (int i = 0; i < token.length(); i++) {
            char c = token.charAt(i);
            if (c >= '0' && c <= '9') {
                digits = true;
            } else if (c == 'd' || c == 'D') {
                fortran = true;
            } else if (c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E') {
                return notFinite(token);
            }
        }
        if (!digits) {
            return null;
        }
        try {
            return Double.valueOf(fortran ? token.replace('d', 'e').replace('D', 'e') : token);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static @Nullable Double notFinite(String token) {
        String unsigned = token.startsWith("-") || token.startsWith("+") ? token.substring(1) : token;
        if (unsigned.equalsIgnoreCase("nan")) {
            return Double.NaN;
        }
        if (unsigned.equalsIgnoreCase("inf") || unsigned.equalsIgnoreCase("infinity")) {
            return token.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
        }
        return null;
    }

    /// The value of a token that is a whole number, or null.
    static @Nullable Integer whole(String token) {
        try {
            return Integer.valueOf(token);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    /// `T`, `true`, `1` and their like; null if the token is not a truth value.
    static @Nullable Boolean truth(String token) {
        return switch (token) {
            case "T", "t", "True", "true", "TRUE", "1" -> true;
            case "F", "f", "False", "false", "FALSE", "0" -> false;
            default -> null;
        };
    }

    /// The words of a line, separated by blanks.
    static List<String> words(String line) {
        List<String> words = new ArrayList<>();
        int i = 0;
        int length = line.length();
        while (i < length) {
            while (i < length && line.charAt(i) <= ' ') {
                i++;
            }
            int start = i;
            while (i < length && line.charAt(i) > ' ') {
                i++;
            }
            if (i > start) {
                words.add(line.substring(start, i));
            }
        }
        return words;
    }

    /// A token as a message shows it: quoted, and cut if it is long.
    static String shown(String token) {
        return "'" + (token.length() > 60 ? token.substring(0, 57) + "..." : token) + "'";
    }
}
