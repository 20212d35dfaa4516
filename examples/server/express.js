// Pawl in an Express application: `npm run express`.
import express from 'express'
import { pawl, port, running } from './pawl.js'

const app = express()
app.use('/up', pawl.handler) // in front of everything that reads bodies
app.use(express.json())
app.get('/', (_req, res) => res.send('the application'))

const server = app.listen(port, '127.0.0.1', () => running(server))
server.requestTimeout = 0 // Node would end an upload that takes longer than five minutes
