// What HTTP alone costs: a Fastify route that takes a body and answers as many bytes as a model would. `node empty_post.mjs PORT`
import fastify from 'fastify';

const app = fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.get('/ready', async () => 'ready');
app.post('/', async (_request, reply) => {
  reply.type('application/octet-stream');
  return Buffer.alloc(200);
});
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
