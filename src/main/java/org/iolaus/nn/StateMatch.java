package org.iolaus.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.Parameters.Spec;

/// Which array of a state dict from PyTorch becomes which parameter or buffer of a model. Names decide; shapes and
/// kinds of numbers must agree.
///
/// @param unwrapped prefixes that were removed from the names, such as `module.` of `DistributedDataParallel`
/// @param taken the names of the model, and the names of the file for them
/// @param copies further names in the file for arrays that are taken, and the names of the model for them
/// @param missing names of the model that the file need not have
/// @param unexpected names of the file that are left out
/// @param constants buffers that follow from a configuration (index lists, grids): their names without prefixes, and
///     the names of the file for them
/// @param faults a line for each name that does not fit
public record StateMatch(
        List<String> unwrapped,
        SortedMap<String, String> taken,
        SortedMap<String, String> copies,
        Set<String> missing,
        Set<String> unexpected,
        SortedMap<String, String> constants,
        List<String> faults) {

    /// Prefixes from modules around a model: data parallelism, wrappers, `torch.compile`.
    private static final List<String> WRAPPERS = List.of("module.", "model.", "_orig_mod.");

    /// Prefixes of the networks in fairchem's models of backbone and heads.
    private static final Pattern PARTS = Pattern.compile("^(?:backbone|output_heads\\.[^.]+)\\.");

    /// Buffers of EquiformerV2's code: orders of coefficients, matrices to and from grids, weights of degrees in
    /// norms, centres of Gaussians.
    private static final Pattern CONSTANTS = Pattern.compile("(?:.*\\.)?(?:"
            + "mappingReduced\\.(?:l_harmonic|m_harmonic|m_complex|res_size|to_m|m_size)"
            + "|SO3_grid\\.\\d+\\.\\d+\\.(?:to|from)_grid_mat"
            + "|expand_index|balance_degree_weight|distance_expansion\\.offset)");

    /// An array of the file.
    ///
    /// @param floating whether it holds fractions
    @SuppressWarnings("ArrayRecordComponent")
    public record Found(boolean floating, int[] shape) {}

    /// What may differ, in PyTorch's terms.
    ///
    /// @param missing beginnings of names of the model that the file need not have: they keep their initial values
    /// @param unexpected beginnings of names of the file that are left out
    public record Allowed(List<String> missing, List<String> unexpected) {}

    /// Compares a model with a file.
    ///
    /// @param arrays of the file by name
    public static StateMatch of(Parameters parameters, Map<String, Found> arrays, Allowed allowed) {
        List<String> unwrapped = new ArrayList<>();
        Map<String, String> left = unwrap(arrays.keySet(), parameters.specs().keySet(), unwrapped);
        StateMatch match = new StateMatch(
                unwrapped,
                new TreeMap<>(),
                new TreeMap<>(),
                new TreeSet<>(),
                new TreeSet<>(),
                new TreeMap<>(),
                new ArrayList<>());
        parameters.specs().values().stream()
                .filter(spec -> begins(spec.name(), allowed.missing))
                .forEach(spec -> match.missing.add(spec.name()));
        left.entrySet()
                .removeIf(
                        entry -> begins(entry.getKey(), allowed.unexpected) && match.unexpected.add(entry.getValue()));
        parameters.specs().values().stream()
                .filter(spec -> !match.missing.contains(spec.name()))
                .forEach(spec -> match.take(spec, left, arrays, parameters.aliases()));
        left.forEach((name, theirs) -> {
            if (CONSTANTS.matcher(name).matches()) {
                match.constants.put(name, theirs);
            } else {
                match.faults.add(
                        name + ": want nothing of this name, got " + Arrays.toString(found(arrays, theirs).shape));
            }
        });
        return match;
    }

    /// Finds one parameter under its name or another one of it.
    private void take(Spec spec, Map<String, String> left, Map<String, Found> arrays, Map<String, String> aliases) {
        List<String> names = new ArrayList<>(List.of(spec.name()));
        aliases.forEach((alias, name) -> {
            if (name.equals(spec.name())) {
                names.add(alias);
            }
        });
        boolean known = false;
        for (String name : names) {
            String theirs = left.remove(name);
            if (theirs == null) {
                continue;
            }
            known = true;
            Found found = found(arrays, theirs);
            if (!sameShape(spec.extents(), found.shape)) {
                faults.add(
                        name + ": want " + Arrays.toString(spec.extents()) + ", got " + Arrays.toString(found.shape));
            } else if (spec.role() != Role.BUFFER && !found.floating) {
                faults.add(name + ": want fractions, got integers, booleans or complex numbers");
            } else if (taken.putIfAbsent(spec.name(), theirs) != null) {
                copies.put(theirs, spec.name());
            }
        }
        if (!known) {
            faults.add(spec.name() + ": want " + Arrays.toString(spec.extents()) + ", got nothing");
        }
    }

    private static Found found(Map<String, Found> arrays, String name) {
        Found found = arrays.get(name);
        if (found == null) {
            throw new IllegalArgumentException("StateMatch: want one of " + arrays.keySet() + ", got " + name);
        }
        return found;
    }

    /// A scalar is as good as an array of one number: PyTorch counts batches in scalars.
    private static boolean sameShape(int[] want, int[] got) {
        boolean one = want.length + got.length == 1;
        return Arrays.equals(want, got) || (one && (want.length == 1 ? want[0] : got[0]) == 1);
    }

    private static boolean begins(String name, List<String> beginnings) {
        return beginnings.stream().anyMatch(name::startsWith);
    }

    /// The file's names by what is left of them without wrappers.
    private static Map<String, String> unwrap(Set<String> names, Set<String> ours, List<String> unwrapped) {
        Map<String, String> left = new TreeMap<>();
        names.forEach(name -> left.put(name, name));
        for (boolean going = !left.isEmpty(); going; ) {
            going = false;
            for (String wrapper : WRAPPERS) {
                boolean around = left.keySet().stream().allMatch(name -> name.startsWith(wrapper));
                if (around && ours.stream().noneMatch(name -> name.startsWith(wrapper))) {
                    replace(left, name -> name.substring(wrapper.length()));
                    unwrapped.add(wrapper);
                    going = true;
                }
            }
        }
        boolean parts = !left.isEmpty()
                && left.keySet().stream().allMatch(name -> PARTS.matcher(name).find());
        if (parts && ours.stream().noneMatch(name -> PARTS.matcher(name).find())) {
            Map<String, String> shorter = new LinkedHashMap<>();
            left.forEach(
                    (name, theirs) -> shorter.putIfAbsent(PARTS.matcher(name).replaceFirst(""), theirs));
            if (shorter.size() == left.size()) {
                left.clear();
                left.putAll(shorter);
                unwrapped.addAll(List.of("backbone.", "output_heads.NAME."));
            }
        }
        return left;
    }

    private static void replace(Map<String, String> left, UnaryOperator<String> shorter) {
        Map<String, String> before = new LinkedHashMap<>(left);
        left.clear();
        before.forEach((name, theirs) -> left.put(shorter.apply(name), theirs));
    }
}
