import * as fs from 'node:fs';
import * as path from 'node:path';
import type { IStackSynthesizer, ISynthesisSession } from 'cdktf';
import { App, Manifest, TerraformElement, TerraformStack } from 'cdktf';
import type { IConstruct } from 'constructs';
import { outsideStack } from './errors';
import type { DeliveryOutput } from './writers';

/** Something that puts resources and files into the output when the app is synthesized. */
interface Deliverer {
  readonly stack: TerraformStack;
  _deliver(): DeliveryOutput;
}

const SYNTHESIS = Symbol.for('lnmt/synthesis');
const STAGING_FOLDER = '.lnmt-staging';

/**
 * Makes one `app.synth()` all or nothing: the first stack that is synthesized renders every chart and synthesizes every
 * stack into a staging folder; only when all of that succeeded are the folders of the stacks put in place, one by one.
 *
 * cdktf alone validates and writes stack by stack, so that a fault in the last one leaves the others half new.
 */
export class Synthesis {
  /** The one of the app that the construct belongs to. @throws LNMT4008 outside a stack */
  static of(scope: IConstruct): Synthesis {
    const root = scope.node.root as IConstruct & { [SYNTHESIS]?: Synthesis };
    if (root === scope && !TerraformStack.isStack(scope)) throw outsideStack(scope);
    return (root[SYNTHESIS] ??= new Synthesis(root));
  }

  private readonly deliverers: Deliverer[] = [];
  private readonly hooked = new Set<TerraformStack>();
  private run: StagedRun | undefined;

  private constructor(private readonly root: IConstruct) {}

  /** Makes sure that synthesis goes through here, whatever else the stack holds. */
  install(stack: TerraformStack): void {
    if (this.hooked.has(stack)) return;
    this.hooked.add(stack);
    new SynthesisHook(stack, 'lnmt-synthesis', () => this.decorateAll());
  }

  /** Adds a part of the output; implies {@link install}. */
  register(deliverer: Deliverer): void {
    this.install(deliverer.stack);
    this.deliverers.push(deliverer);
  }

  // Runs while cdktf prepares the stacks, when all of them exist and none has been written.
  private decorateAll(): void {
    for (const stack of this.stacks()) {
      if (stack.synthesizer instanceof StagedSynthesizer) continue;
      stack.synthesizer = new StagedSynthesizer(stack, stack.synthesizer, (session) => this.synthesize(stack, session));
    }
  }

  private stacks(): TerraformStack[] {
    return this.root.node.findAll().filter((node) => TerraformStack.isStack(node));
  }

  private synthesize(stack: TerraformStack, session: ISynthesisSession): void {
    this.run ??= this.stage(session);
    this.run.publish(stack, session);
    if (this.run.finished) this.run = undefined;
  }

  private stage(session: ISynthesisSession): StagedRun {
    const run = new StagedRun(session, this.stacks());
    try {
      const outputs = this.deliverers.map((deliverer) => [deliverer.stack, deliverer._deliver()] as const);
      // Delivery added resources that refer to other stacks: their outputs have to exist before anything is written.
      for (const stack of this.stacks()) stack.prepareStack();
      run.writeStacks();
      for (const [stack, output] of outputs) run.writeFiles(stack, output);
    } catch (error) {
      run.discard();
      throw error;
    }
    return run;
  }
}

/** Calls back when cdktf prepares its stack. Writes nothing. */
class SynthesisHook extends TerraformElement {
  constructor(
    scope: TerraformStack,
    id: string,
    private readonly callback: () => void,
  ) {
    super(scope, id);
  }

  /** Nothing of it appears in the configuration. */
  override toTerraform(): Record<string, never> {
    this.callback();
    return {};
  }
}

/** Stands in for a stack's own synthesizer. */
class StagedSynthesizer implements IStackSynthesizer {
  constructor(
    readonly stack: TerraformStack,
    readonly inner: IStackSynthesizer,
    private readonly run: (session: ISynthesisSession) => void,
  ) {}

  synthesize(session: ISynthesisSession): void {
    this.run(session);
  }
}

/** One synthesis into the staging folder, and its publication. */
class StagedRun {
  private readonly folder: string;
  private readonly manifest: Manifest;
  private readonly pending: Set<TerraformStack>;
  private sharedPublished = false;

  constructor(
    private readonly session: ISynthesisSession,
    private readonly stacks: readonly TerraformStack[],
  ) {
    this.folder = path.join(session.outdir, STAGING_FOLDER);
    this.pending = new Set(stacks);
    fs.rmSync(this.folder, { recursive: true, force: true });
    fs.mkdirSync(this.folder, { recursive: true });
    this.manifest = new Manifest(session.manifest.version, this.folder, session.manifest.hclOutput);
  }

  get finished(): boolean {
    return this.pending.size === 0;
  }

  writeStacks(): void {
    const staged = { ...this.session, outdir: this.folder, manifest: this.manifest };
    for (const stack of this.stacks) (stack.synthesizer as StagedSynthesizer).inner.synthesize(staged);
    const problems = App.of(this.stacks[0] as IConstruct).node.validate();
    if (!this.session.skipValidation && problems.length > 0) throw new Error(problems.join('\n'));
  }

  writeFiles(stack: TerraformStack, output: DeliveryOutput): void {
    const stackFolder = path.join(this.folder, this.manifest.forStack(stack).workingDirectory);
    for (const [file, content] of output.stackFiles) write(path.join(stackFolder, file), content);
    for (const [file, content] of output.sharedFiles) write(path.join(this.folder, file), content);
  }

  publish(stack: TerraformStack, session: ISynthesisSession): void {
    const real = session.manifest.forStack(stack);
    const staged = this.manifest.forStack(stack);
    // cdktf's own synthesizer fills the annotations in the same way, with stack traces: paths of this machine.
    (real as { annotations: typeof real.annotations }).annotations = staged.annotations.map(
      ({ constructPath, level, message }) => ({ constructPath, level, message }),
    );
    this.replace(staged.workingDirectory, session.outdir);
    this.pending.delete(stack);
    if (!this.sharedPublished) this.publishShared(session.outdir);
    if (this.finished) this.discard();
  }

  discard(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private publishShared(outdir: string): void {
    this.sharedPublished = true;
    for (const entry of fs.readdirSync(this.folder)) {
      if (entry === Manifest.stacksFolder) continue;
      fs.rmSync(path.join(outdir, entry), { recursive: true, force: true });
      fs.renameSync(path.join(this.folder, entry), path.join(outdir, entry));
    }
  }

  // Entry by entry: Terraform's own files (.terraform, lock file, local state) live in the same folder.
  private replace(workingDirectory: string, outdir: string): void {
    const from = path.join(this.folder, workingDirectory);
    const to = path.join(outdir, workingDirectory);
    fs.mkdirSync(to, { recursive: true });
    for (const generated of GENERATED_FOLDERS) fs.rmSync(path.join(to, generated), { recursive: true, force: true });
    for (const entry of fs.readdirSync(from)) {
      fs.rmSync(path.join(to, entry), { recursive: true, force: true });
      fs.renameSync(path.join(from, entry), path.join(to, entry));
    }
  }
}

/** Folders of a stack that hold nothing but output of earlier syntheses. */
const GENERATED_FOLDERS = ['charts'] as const;

function write(file: string, content: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}
