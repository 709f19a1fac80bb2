package org.iolaus.data.state;

import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.iolaus.data.Hdf5File;
import org.iolaus.tensor.HostTensor;

/// The numeric datasets of an HDF5 file; the groups that one is in come before its name, with dots between. Of a
/// checkpoint of this program those that the model is measured with, under their own names; they are checked when read.
final class Hdf5StateDict implements StateDict {
    private static final Map<Class<?>, NumberType> TYPES = Map.of(
            double.class, NumberType.F64,
            float.class, NumberType.F32,
            long.class, NumberType.I64,
            int.class, NumberType.I32,
            short.class, NumberType.I16,
            byte.class, NumberType.I8);

    private static final Pattern MODEL = Pattern.compile("^(?:parameters|buffers|averages)/");

    private final Hdf5File file;
    private final SortedMap<String, Info> arrays = new TreeMap<>();
    private final SortedMap<String, String> paths = new TreeMap<>();
    private final SortedSet<String> groups = new TreeSet<>();

    Hdf5StateDict(Hdf5File file) {
        this.file = file;
        String format = file.hasAttribute("", "format") ? file.stringAttribute("", "format") : "";
        boolean checkpoint = format.startsWith("iolaus-checkpoint");
        for (String path : file.allDatasets()) {
            NumberType type = TYPES.get(file.javaType(path));
            boolean averaged = file.exists(path.replace("parameters/", "averages/"));
            boolean wanted =
                    !checkpoint || (MODEL.matcher(path).find() && !(path.startsWith("parameters/") && averaged));
            if (type != null && wanted) {
                put(checkpoint ? MODEL.matcher(path).replaceFirst("") : path, path, type);
            }
        }
    }

    private void put(String shown, String path, NumberType type) {
        String name = shown.replace('/', '.');
        arrays.put(name, new Info(type, file.shape(path)));
        paths.put(name, path);
        groups.add(shown.substring(0, Math.max(0, shown.lastIndexOf('/'))).replace('/', '.'));
    }

    @Override
    public String file() {
        return file.name();
    }

    @Override
    public SortedMap<String, Info> arrays() {
        return Collections.unmodifiableSortedMap(arrays);
    }

    @Override
    public SortedSet<String> dictionaries() {
        return Collections.unmodifiableSortedSet(groups);
    }

    @Override
    public HostTensor read(String name) {
        Info info = readable(name);
        String path = Objects.requireNonNull(paths.get(name));
        if (file.hasChecksum(path)) {
            file.verify(path);
        }
        return new HostTensor(info.shape(), file.doubles(path));
    }

    @Override
    public void close() {
        file.close();
    }
}
