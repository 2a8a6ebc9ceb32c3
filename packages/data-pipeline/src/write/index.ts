// Writing: shards that are whole or not there.
export {
  readShardIndex,
  type ShardEntry,
  type ShardFile,
  type ShardIndex,
  type ShardLayout,
} from './shard-index.ts'
export { ShardWriter, type ShardWriterOptions } from './shard-writer.ts'
