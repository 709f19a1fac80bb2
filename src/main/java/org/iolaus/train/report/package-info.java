/// What a run tells: metrics, tables, logs, plots, progress.
@NullMarked
package org.iolaus.train.report;

import org.jspecify.annotations.NullMarked;
