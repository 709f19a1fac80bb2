package org.iolaus.so3;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Which coefficients an SO(3) embedding has, and the three orders in which they are stored.
///
/// - full: by resolution, degree, order: K = sum of `(lmax + 1)^2`
/// - reduced: the full order without `|m| > mmax`: R coefficients; what an edge keeps in its own frame
/// - m-major: the reduced coefficients by `|m|`: first `m = 0` of every resolution and degree, then for m = 1, 2, ...
///   all `+m` followed by all `-m`, so that each `m` of an SO(2) convolution is one block
///
/// Several resolutions are several embeddings side by side, each with its own `lmax` and `mmax`.
///
/// @param lmaxList largest degree of each resolution
/// @param mmaxList largest order of each resolution, at most its degree
public record CoefficientMapping(List<Integer> lmaxList, List<Integer> mmaxList) {

    /// One coefficient.
    ///
    /// @param m with its sign
    public record Coefficient(int resolution, int l, int m) {}

    public CoefficientMapping {
        lmaxList = List.copyOf(lmaxList);
        mmaxList = List.copyOf(mmaxList);
        boolean fits = !lmaxList.isEmpty() && lmaxList.size() == mmaxList.size();
        for (int i = 0; fits && i < lmaxList.size(); i++) {
            fits = 0 <= mmaxList.get(i) && mmaxList.get(i) <= lmaxList.get(i);
        }
        if (!fits) {
            throw new IllegalArgumentException("coefficient mapping: want as many lmax as mmax, 0 <= mmax <= lmax, got "
                    + lmaxList + " and " + mmaxList);
        }
    }

    /// One resolution.
    public static CoefficientMapping of(int lmax, int mmax) {
        return new CoefficientMapping(List.of(lmax), List.of(mmax));
    }

    public int resolutions() {
        return lmaxList.size();
    }

    /// The mapping of one resolution alone.
    public CoefficientMapping resolution(int i) {
        return of(lmaxList.get(i), mmaxList.get(i));
    }

    /// Largest degree of all resolutions.
    public int lmax() {
        return Collections.max(lmaxList);
    }

    /// Largest order of all resolutions.
    public int mmax() {
        return Collections.max(mmaxList);
    }

    /// K: number of full coefficients.
    public int fullSize() {
        return lmaxList.stream().mapToInt(l -> (l + 1) * (l + 1)).sum();
    }

    /// R: number of reduced coefficients.
    public int reducedSize() {
        return reduced().size();
    }

    public List<Coefficient> full() {
        List<Coefficient> all = new ArrayList<>();
        for (int i = 0; i < resolutions(); i++) {
            for (int l = 0; l <= lmaxList.get(i); l++) {
                for (int m = -l; m <= l; m++) {
                    all.add(new Coefficient(i, l, m));
                }
            }
        }
        return all;
    }

    public List<Coefficient> reduced() {
        return full().stream()
                .filter(c -> Math.abs(c.m()) <= mmaxList.get(c.resolution()))
                .toList();
    }

    public List<Coefficient> mMajor() {
        List<Coefficient> all = new ArrayList<>();
        for (int order = 0; order <= mmax(); order++) {
            all.addAll(withOrder(order));
            if (order > 0) {
                all.addAll(withOrder(-order));
            }
        }
        return all;
    }

    private List<Coefficient> withOrder(int m) {
        return reduced().stream().filter(c -> c.m() == m).toList();
    }

    /// For each m, how many degrees of all resolutions have it: rows of the block `+m` (and as many of `-m`).
    public int[] mSize() {
        int[] size = new int[mmax() + 1];
        for (int m = 0; m < size.length; m++) {
            size[m] = withOrder(m).size();
        }
        return size;
    }

    /// Full index of each reduced coefficient, (R).
    public int[] fullOfReduced() {
        return places(full(), reduced());
    }

    /// Reduced index of each m-major position, (R).
    public int[] reducedOfMMajor() {
        return places(reduced(), mMajor());
    }

    /// The m-major position of each reduced coefficient, (R).
    public int[] mMajorOfReduced() {
        return places(mMajor(), reduced());
    }

    private static int[] places(List<Coefficient> in, List<Coefficient> of) {
        Map<Coefficient, Integer> place = new HashMap<>();
        in.forEach(coefficient -> place.put(coefficient, place.size()));
        return of.stream()
                .mapToInt(coefficient -> place.getOrDefault(coefficient, -1))
                .toArray();
    }

    /// The factor of a coefficient on the way back from `2 mmax + 1` orders to `2 l + 1`:
    /// `sqrt((2 l + 1) / (2 mmax + 1))` where `l > mmax`, else 1.
    public double rescale(Coefficient coefficient) {
        int mmax = mmaxList.get(coefficient.resolution());
        int l = coefficient.l();
        return l > mmax ? Math.sqrt((2.0 * l + 1) / (2.0 * mmax + 1)) : 1;
    }
}
