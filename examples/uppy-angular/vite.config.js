export default { envPrefix: ['PAWL_URL'] }
