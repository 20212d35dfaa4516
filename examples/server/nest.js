// Pawl in a Nest application: `npm run nest`.
import 'reflect-metadata'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { pawl, port, running } from './pawl.js'

class Application {}
Module({})(Application) // a decorator, written so that it runs without a compiler

const app = await NestFactory.create(Application, { logger: ['warn', 'error'] })
app.use('/up', pawl.handler) // before listen(), which puts Nest's own body parser behind it
app.getHttpAdapter().get('/', (_req, res) => res.send('the application'))

const server = await app.listen(port, '127.0.0.1')
server.requestTimeout = 0 // Node would end an upload that takes longer than five minutes
running(server)
