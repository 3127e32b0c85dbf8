export * from './conformance';
export * from './fake-cloud';
export { FAKE_SHAPES } from './fake-shapes';
export { FakeResource } from './fake-resource';
export * from './render-objects';
export * from './synth';
export * from './synthesized';
