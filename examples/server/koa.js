// Pawl in a Koa application: `npm run koa`.
import Koa from 'koa'
import { pawl, port, running } from './pawl.js'

const app = new Koa()
app.use(async (context, next) => {
  if (!/^\/up(\/|$)/.test(context.path)) return next()
  context.respond = false
  pawl.handler(context.req, context.res)
})
app.use((context) => {
  if (context.path === '/') context.body = 'the application'
})

const server = app.listen(port, '127.0.0.1', () => running(server))
server.requestTimeout = 0 // Node would end an upload that takes longer than five minutes
