import { App } from 'cdktf';
import { build, buildTarget } from './app';

const app = new App();
// `lnmt plan --all-targets` asks for one target at a time.
const target = process.env['LNMT_TARGET'];
if (target === undefined) build(app);
else buildTarget(app, target);
app.synth();
