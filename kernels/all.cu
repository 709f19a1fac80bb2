// Every kernel of the program: one translation unit for nvcc, NVRTC and g++.
#include "copy.cu"
#include "dropout_mask.cu"
#include "gemm.cu"
#include "reduce_sum.cu"
#include "segment.cu"
#include "small_gemm.cu"
#include "split.cu"
