import '../cli/src/bin.ts'
