<?php
// The reader of our files: Symfony's own Dotenv, EnvVarProcessor, MercureBundle configuration and LcobucciFactory.
//
//   php symfony.php dump <env-file>                            every variable as JSON, as Dotenv reads it
//   php symfony.php yaml <file>                                a YAML file as JSON, as Symfony (and Coolify) reads it
//   php symfony.php token <env-file> <mercure.yaml> <topic>    a token that may publish and subscribe
//   php symfony.php publish <env-file> <mercure.yaml> <topic>  a private update; prints its id
//   php symfony.php cookie <env-file> <mercure.yaml> <page> <topic>   the Set-Cookie header of that page
//
// SYMFONY is the folder of the packages.
use Symfony\Component\DependencyInjection\{Container, EnvVarProcessor, ParameterBag\EnvPlaceholderParameterBag};
use Symfony\Component\Dotenv\Dotenv;
use Symfony\Component\HttpClient\HttpClient;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Mercure\{Authorization, Hub, HubRegistry, Update};
use Symfony\Component\Mercure\Jwt\{FactoryTokenProvider, LcobucciFactory};
use Symfony\Component\Yaml\Yaml;

require __DIR__.'/packages.php';

/** The value of a parameter such as %env(base64:NAME)%, by Symfony's own processor. */
function parameter(string $text): string
{
    if (!preg_match('/^%env\((?:(\w+):)?(\w+)\)%$/', $text, $found)) {
        return $text;
    }
    $read = fn (string $name) => $_ENV[$name];

    return $found[1] ? (new EnvVarProcessor(new Container(new EnvPlaceholderParameterBag())))->getEnv($found[1], $found[2], $read) : $read($found[2]);
}

function hub(string $env, string $config): array
{
    (new Dotenv())->overload($env);
    $hub = Yaml::parseFile($config)['mercure']['hubs']['default'];
    $factory = new LcobucciFactory(parameter($hub['jwt']['secret']), $hub['jwt']['algorithm'] ?? 'hmac.sha256');
    $provider = new FactoryTokenProvider($factory, [], [$hub['jwt']['publish']]);

    return [new Hub(parameter($hub['url']), $provider, $factory, parameter($hub['public_url']), HttpClient::create(['timeout' => 10])), $factory];
}

try {
    if ('dump' === $argv[1]) {
        echo json_encode((new Dotenv())->parse(file_get_contents($argv[2]), $argv[2]), JSON_THROW_ON_ERROR);
    } elseif ('yaml' === $argv[1]) {
        echo json_encode(Yaml::parseFile($argv[2]), JSON_THROW_ON_ERROR);
    } else {
        [$hub, $factory] = hub($argv[2], $argv[3]);
        echo match ($argv[1]) {
            'token' => $factory->create([$argv[4]], ['*']),
            'publish' => $hub->publish(new Update($argv[4], 'from Symfony', true)),
            'cookie' => (string) (new Authorization(new HubRegistry($hub)))->createCookie(Request::create($argv[4]), [$argv[5]]),
        };
    }
} catch (Throwable $error) {
    for (; $error; $error = $error->getPrevious()) {
        fwrite(STDERR, $error::class.': '.$error->getMessage()."\n");
    }
    exit(1);
}
