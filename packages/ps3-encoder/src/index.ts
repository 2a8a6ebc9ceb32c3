export * from './image/index.ts'
export * from './model/index.ts'
export * from './pretrained/index.ts'
export * from './text/index.ts'
