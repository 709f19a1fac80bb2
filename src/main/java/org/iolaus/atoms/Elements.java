package org.iolaus.atoms;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/// Chemical symbols of the elements 1 (H) to 118 (Og).
public final class Elements {
    public static final int MAX_ATOMIC_NUMBER = 118;

    private static final String[] SYMBOLS = """
            H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr
            Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir
            Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh
            Fl Mc Lv Ts Og""".split("\\s+");

    private static final Map<String, Integer> NUMBERS = numbers();

    private Elements() {}

    /// The atomic number of a symbol in any case (`Cu`, `CU`, `cu`); 0 if there is no such element.
    public static int atomicNumber(String symbol) {
        Integer number = NUMBERS.get(symbol);
        return number != null ? number : NUMBERS.getOrDefault(symbol.toLowerCase(Locale.ROOT), 0);
    }

    public static boolean isAtomicNumber(int number) {
        return number >= 1 && number <= MAX_ATOMIC_NUMBER;
    }

    /// The symbol of an element as it is usually written: `Cu`.
    ///
    /// @throws IllegalArgumentException outside of 1..118
    public static String symbol(int atomicNumber) {
        if (!isAtomicNumber(atomicNumber)) {
            throw new IllegalArgumentException("element: want an atomic number 1..118, got " + atomicNumber);
        }
        return SYMBOLS[atomicNumber - 1];
    }

    private static Map<String, Integer> numbers() {
        Map<String, Integer> numbers = new HashMap<>();
        for (int i = 0; i < SYMBOLS.length; i++) {
            numbers.put(SYMBOLS[i], i + 1);
            numbers.put(SYMBOLS[i].toLowerCase(Locale.ROOT), i + 1);
        }
        return Map.copyOf(numbers);
    }
}
