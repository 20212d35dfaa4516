// PAWL_URL and PAWL_KEY reach the page: the key is the anon key, which is for everyone.
export default { envPrefix: ['PAWL_URL', 'PAWL_KEY'] }
