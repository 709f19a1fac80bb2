/// Raw bindings to native libraries through java.lang.foreign, one class per library; no policy.
@NullMarked
package org.iolaus.ffi;

import org.jspecify.annotations.NullMarked;
