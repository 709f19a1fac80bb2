package org.iolaus.data.state;

import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5File;
import org.iolaus.tensor.HostTensor;

/// Named arrays in a file, open for reading. What kinds of numbers and which shapes there are is known before any array
/// is read.
///
/// A dictionary inside a dictionary, or a group of HDF5, becomes part of the names: the weight `w` of `{"state_dict":
/// {"w": ...}}` is `state_dict.w`.
public sealed interface StateDict extends AutoCloseable permits TorchFile, SafeTensorsFile, Hdf5StateDict {

    /// What an array is made of.
    ///
    /// @param shape extents; none for a scalar
    @SuppressWarnings("ArrayRecordComponent")
    record Info(NumberType type, int[] shape) {
        @Override
        public String toString() {
            return type + " " + Arrays.toString(shape);
        }
    }

    /// What messages call the file.
    String file();

    /// The arrays that there are.
    SortedMap<String, Info> arrays();

    /// What else stands under names: `int`, `str`, `None` and the like. Formats that hold arrays only have none.
    default Map<String, String> others() {
        return Map.of();
    }

    /// Names of the dictionaries or groups that arrays are directly in; the outermost has the empty name.
    SortedSet<String> dictionaries();

    /// The values of an array, row-major.
    ///
    /// @throws DataException if they cannot be read or are complex
    HostTensor read(String name);

    @Override
    void close();

    /// What an array is made of.
    ///
    /// @throws DataException if there is none of this name, or none that can be read
    default Info readable(String name) {
        Info info = arrays().get(name);
        if (info == null) {
            throw new DataException(file() + ": want one of its " + arrays().size() + " arrays, got " + name);
        }
        if (!info.type().real()) {
            throw new DataException(file() + ", " + name + ": want real numbers, got " + info.type());
        }
        return info;
    }

    /// Arrays of an HDF5 file, as [Hdf5File] tells them.
    static StateDict of(Hdf5File file) {
        return new Hdf5StateDict(file);
    }
}
